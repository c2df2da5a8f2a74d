#include "broker/config/load.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "broker/config/alter.hpp"
#include "broker/config/properties_file.hpp"
#include "broker/config/text.hpp"
#include "broker/config/topic_settings.hpp"
#include "broker/config/value.hpp"

namespace sluice::broker::config {
namespace {

constexpr std::size_t kValueMax = 32767;  // of a string in an answer, as DescribeConfigs' or that of the rack

constexpr std::string_view kFromCommandLine = "--set";

struct Prefix {
  std::string_view prefix;
  std::string_view note;
};

/// Families of names that no table can list.
constexpr std::array kPrefixes{
    Prefix{"zookeeper.", "Sluice keeps its metadata itself and needs no ZooKeeper; the line can go"},
    Prefix{"listener.name.", "settings of a single listener are not used by Sluice"},
    Prefix{"config.providers.", "Sluice reads values as they are written"},
    Prefix{"rsm.config.", "known to Kafka's tiered storage, not used by Sluice"},
    Prefix{"rlmm.config.", "known to Kafka's tiered storage, not used by Sluice"},
    Prefix{"client.quota.callback.", "known to Kafka, not used by Sluice"},
    Prefix{"confluent.", "a setting of another distribution, not used by Sluice"},
    Prefix{"log4j.", "a setting of Java's logging, not used by Sluice"},
    Prefix{"java.", "a setting of the Java virtual machine, not used by Sluice"},
};

/// Collects the static values, and one line for everything that is wrong or worth a word.
class Loader {
 public:
  explicit Loader(LoadedConfig& loaded) : loaded_(loaded) {}

  void read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (!file.is_open() || file.bad()) {
      loaded_.errors.push_back({fmt::format("{}: cannot be read: {}", path, std::strerror(errno))});
      return;
    }
    const auto parsed = parse_properties(text);
    for (const auto& line : parsed.malformed) fail(fmt::format("{}:{}", path, line.line), line.value);
    for (const auto& property : parsed.properties) {
      const auto origin = fmt::format("{}:{}", path, property.line);
      if (const auto before = values_.find(property.name); before != values_.end()) {
        warn(origin, fmt::format("{} is set again; the value of {} is not used", property.name, before->second.origin));
      }
      set(property.name, {property.value, origin});
    }
  }

  void assign(const std::string& assignment) {
    const auto equals = assignment.find('=');
    const auto name = trim(std::string_view{assignment}.substr(0, equals));
    if (equals == std::string::npos || name.empty()) {
      fail(kFromCommandLine, fmt::format("{}: must be of the form NAME=VALUE", assignment));
      return;
    }
    set(std::string{name}, {assignment.substr(equals + 1), std::string{kFromCommandLine}});
  }

  /// Judges every value; what Sluice acts on becomes part of the configuration.
  BrokerConfig::StaticValues take_checked() {
    BrokerConfig::StaticValues checked;
    for (const auto& name : order_) {
      const auto& given = values_.at(name);
      if (const auto* definition = find_broker_definition(name)) {
        if (given.value.size() > kValueMax) {
          fail(given.origin, fmt::format("{}: longer than {} bytes", name, kValueMax));
        } else if (const auto complaint = complaint_about(*definition, given.value)) {
          fail(given.origin, fmt::format("{} = {}: {}", name, given.value, *complaint));
        } else {
          checked.emplace(name, StaticValue{normalized(*definition, given.value), given.origin});
        }
      } else {
        check_unused(name, given);
      }
    }
    return checked;
  }

  void warn(std::string_view origin, std::string_view message) {
    loaded_.warnings.push_back(fmt::format("{}: {}", origin, message));
  }

 private:
  void set(const std::string& name, StaticValue value) {
    if (!values_.contains(name)) order_.push_back(name);
    values_[name] = std::move(value);
  }

  void fail(std::string_view origin, std::string_view message) {
    loaded_.errors.push_back({fmt::format("{}: {}", origin, message)});
  }

  void check_unused(const std::string& name, const StaticValue& given) {
    if (const auto* key = find_known_key(name)) return check_known(*key, given);
    for (const auto& [prefix, note] : kPrefixes) {
      if (name.starts_with(prefix)) return warn(given.origin, fmt::format("{}: {}", name, note));
    }
    if (const auto* topic = find_topic_definition(name); topic != nullptr && !topic->broker_name.empty()) {
      return fail(given.origin, fmt::format("\"{}\" is a setting of topics; its default for all topics is {}", name,
                                            topic->broker_name));
    }
    const auto nearest = nearest_name(name, all_names());
    fail(given.origin, nearest.empty() ? fmt::format("unknown setting \"{}\"", name)
                                       : fmt::format("unknown setting \"{}\" (did you mean {}?)", name, nearest));
  }

  void check_known(const KnownKey& key, const StaticValue& given) {
    if (const auto complaint = complaint_about_type(key.type, given.value)) {
      fail(given.origin, fmt::format("{} = {}: {}", key.name, given.value, *complaint));
    } else if (key.name == "authorizer.class.name" && !trim(given.value).empty()) {
      warn(given.origin, fmt::format("{}: Sluice has no authorizer: every client may do everything", key.name));
    } else {
      warn(given.origin, fmt::format("{}: known to Kafka, not used by Sluice", key.name));
    }
  }

  static std::vector<std::string_view> all_names() {
    std::vector<std::string_view> names;
    for (const auto& definition : broker_definitions()) names.push_back(definition.name);
    for (const auto& key : known_keys()) names.push_back(key.name);
    return names;
  }

  LoadedConfig& loaded_;
  BrokerConfig::StaticValues values_;
  std::vector<std::string> order_;  // the names in values_ as they were first given: the order of the complaints
};

/// node.id and broker.id are one number: where only one is given, it is both.
void complete_node_id(BrokerConfig::StaticValues& values) {
  const auto broker_id = values.find("broker.id");
  const bool has_broker_id = broker_id != values.end() && broker_id->second.value != "-1";
  if (const auto node_id = values.find("node.id"); node_id != values.end()) {
    if (!has_broker_id) values["broker.id"] = node_id->second;
  } else if (has_broker_id) {
    values["node.id"] = broker_id->second;
  }
}

Properties computed_defaults(const LoadOptions& options) {
  Properties defaults{{"num.network.threads", std::to_string(std::max(1U, options.cores))},
                      {"log.dir", options.data_home + "/sluice"}};
  // Without a file this is somebody trying Sluice out; with one, Kafka's default holds.
  if (!options.file) defaults["listeners"] = "PLAINTEXT://127.0.0.1:9092";
  return defaults;
}

/// What is right value by value, and still not what the writer of the file will expect.
void warn_of_limits(LoadedConfig& loaded, Loader& loader) {
  const auto& config = loaded.config;
  constexpr std::string_view kServers = "controller.quorum.bootstrap.servers";
  const auto voters = config.value("controller.quorum.voters").value_or(std::string{});
  if (!split_list(voters).empty() && config.is_given(kServers)) {
    loader.warn(config.origin(kServers),
                fmt::format("{}: controller.quorum.voters says it, this is not used", kServers));
  }
}

void check_topic_defaults(LoadedConfig& loaded) {
  if (const auto refusal = validate_topic_configs(loaded.config, {})) {
    loaded.errors.push_back({"defaults of topics: " + *refusal});
  }
}

}  // namespace

LoadedConfig load(const LoadOptions& options) {
  LoadedConfig loaded;
  Loader loader{loaded};
  if (options.file) loader.read_file(*options.file);
  for (const auto& assignment : options.assignments) loader.assign(assignment);
  auto values = loader.take_checked();
  complete_node_id(values);
  loaded.config = BrokerConfig{std::move(values), computed_defaults(options)};
  warn_of_limits(loaded, loader);
  loaded.settings = make_broker_settings(loaded.config, options.join, loaded.errors);
  check_topic_defaults(loaded);
  return loaded;
}

std::string default_data_home() {
  if (const char* home = std::getenv("XDG_DATA_HOME"); home != nullptr && *home != '\0') return home;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::string{home} + "/.local/share";
  return ".";
}

}  // namespace sluice::broker::config
