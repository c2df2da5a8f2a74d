#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/definition.hpp"
#include "broker/config/load.hpp"
#include "broker/config/value.hpp"

namespace sluice::broker::config {
namespace {

constexpr std::size_t kWidth = 100;

/// Words of `text` as comment lines of at most kWidth characters.
std::string comment(std::string_view text) {
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    const auto blank = text.find(' ');
    const auto word = text.substr(0, blank);
    text = blank == std::string_view::npos ? std::string_view{} : text.substr(blank + 1);
    if (line.size() > 1 && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = "#";
    }
    line += ' ';
    line += word;
  }
  return out + line + "\n";
}

const Definition* topic_setting_of(std::string_view broker_name) {
  for (const auto& topic : topic_definitions()) {
    if (topic.broker_name == broker_name) return &topic;
  }
  return nullptr;
}

std::string facts(const Definition& definition) {
  std::string text{to_string(definition.type)};
  if (const auto range = range_text(definition); !range.empty()) text += ", " + range;
  if (!definition.default_value && !definition.computed_default) text += "; no default";
  if (definition.dynamic != Dynamic::no) text += "; may be changed while the broker runs";
  if (const auto* topic = topic_setting_of(definition.name)) text += fmt::format("; per topic: {}", topic->name);
  return text;
}

/// The line to edit. `listeners` is the one that is not commented: with a file Kafka's default holds, which is every
/// interface, and nobody should be open to the network for having copied a sample.
std::string line_of(const Definition& definition) {
  if (definition.name == "listeners") return "listeners=PLAINTEXT://127.0.0.1:9092\n";
  const auto value = definition.computed_default ? "" : definition.default_value.value_or("");
  return fmt::format("#{}={}\n", definition.name, value);
}

std::string entry(const Definition& definition) {
  return comment(definition.doc) + comment(fmt::format("({})", facts(definition))) + line_of(definition) + "\n";
}

/// In the order of their first row.
std::vector<std::string_view> groups() {
  std::vector<std::string_view> names;
  for (const auto& definition : broker_definitions()) {
    if (std::find(names.begin(), names.end(), definition.group) == names.end()) names.push_back(definition.group);
  }
  return names;
}

std::string known_names() {
  std::string names;
  for (const auto& key : known_keys()) {
    if (!names.empty()) names += ", ";
    names += key.name;
    if (key.kafka_default != "null" && !key.kafka_default.empty()) names += fmt::format(" ({})", key.kafka_default);
  }
  return names;
}

constexpr std::string_view kHead =
    "Settings of sluiced, for --config FILE; --set NAME=VALUE on the command line overrides a line of the file. "
    "A commented line shows the default. Names, defaults and units are Kafka's; what begins with sluice. is our own. "
    "This file is generated from the broker's table of settings: sluiced --print-config-reference.";

constexpr std::string_view kTail =
    "Known to Kafka and not used by Sluice: accepted with a warning, so that a file written for Kafka can be used as "
    "it "
    "is.";

}  // namespace

std::string render_reference() {
  std::string out = comment(kHead) + "\n";
  for (const auto group : groups()) {
    out += fmt::format("### {}\n\n", group);
    for (const auto& definition : broker_definitions()) {
      if (definition.group == group) out += entry(definition);
    }
  }
  return out + "### Other settings of Kafka\n\n" + comment(kTail) + "#\n" + comment(known_names());
}

}  // namespace sluice::broker::config
