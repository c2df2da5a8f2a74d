#include "broker/controller/command_size.hpp"

#include <optional>

namespace sluice::broker::controller {
namespace {

/// Of what topic a record is; nullopt: of none.
std::optional<Uuid> topic_of(const MetadataRecord& record) {
  if (const auto* topic = std::get_if<TopicRecord>(&record)) return topic->id;
  if (const auto* partition = std::get_if<PartitionRecord>(&record)) return partition->topic_id;
  return std::nullopt;
}

}  // namespace

std::vector<std::span<const MetadataRecord>> split_into_commands(std::span<const MetadataRecord> records,
                                                                 std::size_t partitions_max) {
  std::vector<std::span<const MetadataRecord>> commands;
  std::size_t begin = 0;
  std::size_t partitions = 0;
  std::optional<Uuid> current;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto topic = topic_of(records[i]);
    if (partitions >= partitions_max && topic && topic != current) {
      commands.push_back(records.subspan(begin, i - begin));
      begin = i;
      partitions = 0;
    }
    if (topic) current = topic;
    if (std::holds_alternative<PartitionRecord>(records[i])) ++partitions;
  }
  if (begin < records.size()) commands.push_back(records.subspan(begin));
  return commands;
}

}  // namespace sluice::broker::controller
