#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::broker::controller {

inline constexpr std::size_t kTopicNameLengthMax = 249;  ///< leaves room for "-<partition>" in a file name of 255

/// The metadata log lies beside the topics' directories under this name.
inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";

/// nullopt: a legal name; else what is wrong with it, to send with INVALID_TOPIC_EXCEPTION.
std::optional<std::string> refuse_topic_name(std::string_view name);

}  // namespace sluice::broker::controller
