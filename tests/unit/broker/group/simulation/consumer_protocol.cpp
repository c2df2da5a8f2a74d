#include "tests/unit/broker/group/simulation/consumer_protocol.hpp"

#include "protocol/messages/consumer_protocol_assignment.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"
#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {
namespace {

constexpr std::int16_t kVersion = 3;

template <class Message>
std::vector<std::byte> encoded(const Message& message) {
  wire::Writer writer;
  writer.int16(kVersion);
  encode(message, kVersion, writer);
  return writer.take();
}

template <class Message>
Message decoded(const std::vector<std::byte>& bytes) {
  wire::Reader reader{ByteView{bytes}};
  const auto version = reader.int16();
  Message message;
  if (!decode(reader, version, message) || !reader.ok()) throw BrokenPromise{"bytes of a client came back changed"};
  return message;
}

}  // namespace

std::vector<std::byte> encode_subscription(const protocol::ConsumerProtocolSubscription& subscription) {
  return encoded(subscription);
}

protocol::ConsumerProtocolSubscription decode_subscription(const std::vector<std::byte>& bytes) {
  return decoded<protocol::ConsumerProtocolSubscription>(bytes);
}

std::vector<std::byte> encode_assignment(const TopicPartitionSet& partitions) {
  protocol::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions = items_of<decltype(assignment.assigned_partitions)>(partitions);
  return encoded(assignment);
}

TopicPartitionSet partitions_of(const std::vector<std::byte>& assignment) {
  if (assignment.empty()) return {};
  return set_of(decoded<protocol::ConsumerProtocolAssignment>(assignment).assigned_partitions);
}

}  // namespace sluice::test::sim
