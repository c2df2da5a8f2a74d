#pragma once

#include <optional>
#include <vector>

#include "protocol/messages/consumer_protocol_subscription.hpp"
#include "tests/unit/broker/group/simulation/topics.hpp"

namespace sluice::test::sim {

/// What clients tell one another through a classic group, as bytes: subscriptions (version 3) and assignments.
std::vector<std::byte> encode_subscription(const protocol::ConsumerProtocolSubscription& subscription);
protocol::ConsumerProtocolSubscription decode_subscription(const std::vector<std::byte>& bytes);
std::vector<std::byte> encode_assignment(const TopicPartitionSet& partitions);
/// Of an assignment; none when it is empty.
TopicPartitionSet partitions_of(const std::vector<std::byte>& assignment);

/// From lists of the protocol whose items have a topic name, or a topic id, and partitions.
template <class Items>
TopicPartitionSet set_of(const Items& items) {
  TopicPartitionSet set;
  for (const auto& item : items) {
    for (const auto partition : item.partitions) {
      if constexpr (requires { item.topic_id; }) {
        set.insert({topic_of(item.topic_id), partition.value()});
      } else {
        set.insert({topic_of(item.topic), partition.value()});
      }
    }
  }
  return set;
}

/// The reverse.
template <class Items>
Items items_of(const TopicPartitionSet& set) {
  Items items;
  int last = -1;
  for (const auto& [topic, partition] : set) {
    if (topic != last) {
      auto& item = items.emplace_back();
      if constexpr (requires { item.topic_id; }) {
        item.topic_id = id_of(topic);
      } else {
        item.topic = name_of(topic);
      }
      last = topic;
    }
    items.back().partitions.emplace_back(partition);
  }
  return items;
}

}  // namespace sluice::test::sim
