#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

namespace suffix {
inline constexpr std::string_view kLog = ".log";
inline constexpr std::string_view kOffsetIndex = ".index";
inline constexpr std::string_view kTimeIndex = ".timeindex";
inline constexpr std::string_view kTransactionIndex = ".txnindex";
inline constexpr std::string_view kProducerSnapshot = ".snapshot";
inline constexpr std::string_view kDeleted = ".deleted";  ///< renamed away, to be removed
inline constexpr std::string_view kCleaned = ".cleaned";  ///< an unfinished output of compaction
inline constexpr std::string_view kSwap = ".swap";
inline constexpr std::string_view kTemporary = ".tmp";  ///< about to get its name; Kafka's, too
}  // namespace suffix

/// `<directory>/<20-digit base offset><suffix>`.
std::string segment_path(std::string_view directory, Offset base_offset, std::string_view suffix);

/// The base offset in a file name that consists of 20 digits and exactly `suffix`.
std::optional<Offset> parse_segment_name(std::string_view name, std::string_view suffix);

}  // namespace sluice::storage
