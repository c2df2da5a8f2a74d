#include "broker/config/definition.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "broker/config/tables.hpp"

namespace sluice::broker::config {
namespace {

using Group = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> kRetention{"log.retention.ms", "log.retention.minutes",
                                                     "log.retention.hours"};
constexpr std::array<std::string_view, 2> kRoll{"log.roll.ms", "log.roll.hours"};
constexpr std::array<std::string_view, 2> kRollJitter{"log.roll.jitter.ms", "log.roll.jitter.hours"};
constexpr std::array<std::string_view, 2> kFlush{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"};

/// The broker-level default of a topic setting: the same row under the broker's name. One that has further names with
/// other units (log.retention.hours) has no default of its own, so that those are asked.
Definition broker_default_of(const Definition& topic) {
  Definition row = topic;
  row.name = topic.broker_name;
  row.broker_name = {};
  if (synonyms_of(row.name).size() > 1) row.default_value.reset();
  return row;
}

template <class Row>
void append(std::vector<Row>& rows, std::span<const Row> more) {
  rows.insert(rows.end(), more.begin(), more.end());
}

std::vector<Definition> make_broker_definitions() {
  std::vector<Definition> rows;
  append(rows, tables::identity_rows());
  append(rows, tables::cluster_rows());
  append(rows, tables::server_rows());
  append(rows, tables::log_rows());
  append(rows, tables::cleaner_rows());
  append(rows, tables::group_rows());
  append(rows, tables::consumer_group_rows());
  for (const auto& topic : tables::topic_rows()) {
    if (!topic.broker_name.empty()) rows.push_back(broker_default_of(topic));
  }
  return rows;
}

std::vector<KnownKey> make_known_keys() {
  std::vector<KnownKey> rows;
  append(rows, tables::kafka_rows());
  append(rows, tables::kafka_security_rows());
  append(rows, tables::kafka_group_rows());
  append(rows, tables::kafka_removed_rows());
  std::ranges::sort(rows, {}, &KnownKey::name);
  return rows;
}

template <class Row>
const Row* find(std::span<const Row> rows, std::string_view name) {
  const auto row = std::ranges::find(rows, name, &Row::name);
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::span<const Definition> broker_definitions() {
  static const auto rows = make_broker_definitions();
  return rows;
}

std::span<const Definition> topic_definitions() { return tables::topic_rows(); }
std::span<const Definition> group_definitions() { return tables::group_override_rows(); }

std::span<const KnownKey> known_keys() {
  static const auto rows = make_known_keys();
  return rows;
}

const Definition* find_broker_definition(std::string_view name) { return find(broker_definitions(), name); }
const Definition* find_topic_definition(std::string_view name) { return find(topic_definitions(), name); }
const Definition* find_group_definition(std::string_view name) { return find(group_definitions(), name); }
const KnownKey* find_known_key(std::string_view name) { return find(known_keys(), name); }

std::vector<std::string_view> synonyms_of(std::string_view name) {
  for (const Group group : {Group{kRetention}, Group{kRoll}, Group{kRollJitter}}) {
    if (std::ranges::count(group, name) > 0) return {group.begin(), group.end()};
  }
  // The scheduler's interval is a fallback for the interval, not the other way round.
  if (name == kFlush.front()) return {kFlush.begin(), kFlush.end()};
  return {name};
}

std::string_view to_string(ConfigType type) {
  switch (type) {
    case ConfigType::boolean: return "boolean";
    case ConfigType::string: return "string";
    case ConfigType::int32: return "int";
    case ConfigType::int16: return "short";
    case ConfigType::int64: return "long";
    case ConfigType::float64: return "double";
    case ConfigType::list: return "list";
    case ConfigType::class_name: return "class";
    case ConfigType::password: return "password";
  }
  return "unknown";
}

}  // namespace sluice::broker::config
