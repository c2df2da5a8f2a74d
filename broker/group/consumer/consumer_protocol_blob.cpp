#include "broker/group/consumer/consumer_protocol_blob.hpp"

#include <algorithm>
#include <map>

#include "broker/group/consumer/sorted_names.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::group {
namespace {

/// Negative: not of this form.
template <class Message>
std::int16_t read_version(wire::Reader& reader) {
  const auto version = reader.int16();
  if (!reader.ok()) return -1;
  return std::min(version, Message::kVersions.max);
}

template <class Message>
std::optional<Message> decode_blob(ByteView bytes) {
  wire::Reader reader{bytes};
  const auto version = read_version<Message>(reader);
  Message message;
  if (version < 0 || !decode(reader, version, message)) return std::nullopt;
  return message;
}

template <class Items>
TopicPartitions to_ids(const Items& items, const controller::MetadataImage& image) {
  std::map<Uuid, TopicPartitions::Partitions> collected;  // a client might name a topic any number of times
  for (const auto& item : items) {
    const auto* topic = image.find_topic(item.topic);
    if (topic == nullptr) continue;
    auto& partitions = collected[topic->id];
    for (const auto partition : item.partitions) {
      if (topic->find_partition(partition) != nullptr) partitions.push_back(partition);
    }
  }
  TopicPartitions result;
  for (auto& [topic, partitions] : collected) result.set(topic, std::move(partitions));
  return result;
}

}  // namespace

std::optional<protocol::ConsumerProtocolSubscription> decode_subscription(ByteView bytes) {
  return decode_blob<protocol::ConsumerProtocolSubscription>(bytes);
}

std::optional<protocol::ConsumerProtocolAssignment> decode_assignment(ByteView bytes) {
  if (bytes.empty()) return protocol::ConsumerProtocolAssignment{};
  return decode_blob<protocol::ConsumerProtocolAssignment>(bytes);
}

std::vector<std::byte> encode_assignment(const protocol::ConsumerProtocolAssignment& assignment,
                                         ByteView subscription) {
  wire::Reader reader{subscription};
  const auto version = std::max<std::int16_t>(read_version<protocol::ConsumerProtocolAssignment>(reader), 0);
  wire::Writer writer;
  writer.int16(version);
  encode(assignment, version, writer);
  return writer.take();
}

TopicPartitions partitions_of(const protocol::ConsumerProtocolAssignment& assignment,
                              const controller::MetadataImage& image) {
  return to_ids(assignment.assigned_partitions, image);
}

TopicPartitions owned_partitions_of(const protocol::ConsumerProtocolSubscription& subscription,
                                    const controller::MetadataImage& image) {
  return to_ids(subscription.owned_partitions, image);
}

protocol::ConsumerProtocolAssignment assignment_of(const TopicPartitions& partitions,
                                                   const controller::MetadataImage& image) {
  protocol::ConsumerProtocolAssignment assignment;
  auto& items = assignment.assigned_partitions;
  for (const auto& [id, numbers] : partitions.topics()) {
    if (const auto* topic = image.find_topic(id)) items.push_back({topic->name, numbers});
  }
  std::sort(items.begin(), items.end(), [](const auto& left, const auto& right) { return left.topic < right.topic; });
  return assignment;
}

std::vector<std::string> topics_of(const protocol::ConsumerProtocolSubscription& subscription) {
  return sorted(subscription.topics);
}

}  // namespace sluice::broker::group
