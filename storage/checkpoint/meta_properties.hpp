#pragma once

#include <map>
#include <string>
#include <string_view>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kMetaPropertiesFile = "meta.properties";

/// Whose data directory this is: `meta.properties`, version 1 (KIP-631, KIP-858). Formatting writes it once.
struct MetaProperties {
  std::string cluster_id;  ///< empty: not known yet
  BrokerId node_id = kNoBroker;
  Uuid directory_id;  ///< zero: the file has none; Kafka then assigns one

  friend bool operator==(const MetaProperties&, const MetaProperties&) = default;
};

/// Errors: Errc::corrupt_checkpoint if it does not parse, another version included; ENOENT if never formatted.
Result<MetaProperties> read_meta_properties(FileSystem& fs, const std::string& path);
Result<> write_meta_properties(FileSystem& fs, const std::string& path, const MetaProperties& meta);

/// The keys and values of a Java properties file: comments, `=`, `:` or blanks between, escapes, continued lines.
/// The last of equal keys counts. Bytes above 0x7f pass through; \u escapes become UTF-8.
/// Errors: Errc::corrupt_checkpoint for a \u without four hexadecimal digits.
Result<std::map<std::string, std::string, std::less<>>> parse_properties(std::string_view text);
/// A value as `parse_properties` gives it back.
std::string escape_property_value(std::string_view value);

}  // namespace sluice::storage
