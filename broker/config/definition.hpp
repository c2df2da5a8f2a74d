#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::broker::config {

/// Numbers as in DescribeConfigs v3+.
enum class ConfigType : std::int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
  class_name = 8,
  password = 9,  ///< never shown
};

/// Numbers as in DescribeConfigs.
enum class ConfigSource : std::int8_t {
  dynamic_topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_config = 5,
  dynamic_group = 8,
};

/// Whether and where a running broker takes a new value.
enum class Dynamic : std::uint8_t {
  no,            ///< read only: takes a restart
  per_broker,    ///< for one broker by name
  cluster_wide,  ///< for one broker or, as a default, for all
};

/// A value that passed the type but not the rule: what would be right, as the end of "must be ...". nullptr: it is
/// right.
using Validator = const char* (*)(std::string_view value);

/// One row of the table: everything there is to say about one setting.
struct Definition {
  std::string_view name{};
  ConfigType type = ConfigType::string;
  std::optional<std::string_view> default_value{};              ///< nullopt: none (null in DescribeConfigs)
  std::int64_t min = std::numeric_limits<std::int64_t>::min();  ///< of numbers, inclusive; the type limits them too
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view allowed{};  ///< comma separated values (of a list: of its members); empty: any
  Dynamic dynamic = Dynamic::no;
  std::string_view broker_name{};  ///< topic level: the broker-level setting that is its default; empty: none
  bool byte_suffix = false;        ///< our own sizes: 256MiB and the like are read too
  bool computed_default = false;   ///< depends on the machine: load() fills it in, `doc` says how
  Validator validator = nullptr;
  std::string_view doc{};    ///< of our own, no line breaks
  std::string_view group{};  ///< heading in the reference file
};

/// A setting of Kafka's brokers that Sluice does not act on: accepted with one warning, never described.
struct KnownKey {
  std::string_view name{};
  ConfigType type = ConfigType::string;
  std::string_view kafka_default{};  ///< "null": none
};

/// Settings that Sluice acts on, in the order of the reference file.
std::span<const Definition> broker_definitions();
std::span<const Definition> topic_definitions();
std::span<const Definition> group_definitions();  ///< what one consumer group may override

/// nullptr: no such setting.
const Definition* find_broker_definition(std::string_view name);
const Definition* find_topic_definition(std::string_view name);
const Definition* find_group_definition(std::string_view name);

/// Settings of Kafka's brokers that Sluice does not act on, by name; prefixes (listener.name.*) are left to load.cpp.
std::span<const KnownKey> known_keys();
const KnownKey* find_known_key(std::string_view name);

/// The names that stand for one another, best first: log.retention.ms, .minutes, .hours. Just `name` when it is alone.
std::vector<std::string_view> synonyms_of(std::string_view name);

std::string_view to_string(ConfigType type);

}  // namespace sluice::broker::config
