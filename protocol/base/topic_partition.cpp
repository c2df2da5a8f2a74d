#include "protocol/base/topic_partition.hpp"

#include <charconv>
#include <cstdint>

namespace sluice {

std::string TopicPartition::to_string() const { return topic + '-' + std::to_string(partition.value()); }

std::optional<TopicPartition> TopicPartition::parse(std::string_view text) {
  const auto dash = text.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const auto number = text.substr(dash + 1);
  if (number.empty() || (number.size() > 1 && number.front() == '0')) return std::nullopt;
  std::int32_t partition = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), partition);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  return TopicPartition{std::string{text.substr(0, dash)}, PartitionId{partition}};
}

}  // namespace sluice
