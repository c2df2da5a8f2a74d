#pragma once

#include <compare>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::test::sim {

/// Topics are numbered as they are created, and no number is used again.
struct TopicPartition {
  int topic = 0;
  int partition = 0;

  auto operator<=>(const TopicPartition&) const = default;
};
using TopicPartitionSet = std::set<TopicPartition>;

std::string name_of(int topic);
Uuid id_of(int topic);
int topic_of(std::string_view name);
int topic_of(const Uuid& id);
std::string to_string(const TopicPartitionSet& partitions);
TopicPartitionSet minus(const TopicPartitionSet& left, const TopicPartitionSet& right);

/// The topics of the cluster, and what the brokers know of them.
class Topics {
 public:
  int create(int partitions);
  void grow(int topic);
  void remove(int topic);

  /// 0 when it was deleted, or is not there yet.
  int partition_count(int topic) const;
  bool exists(TopicPartition partition) const { return partition.partition < partition_count(partition.topic); }
  /// Numbers of those that are there, ascending.
  std::vector<int> existing() const;
  TopicPartitionSet partitions_of(const std::vector<int>& topics) const;
  const broker::controller::MetadataImage& image() const { return image_; }

 private:
  using Image = std::shared_ptr<const broker::controller::TopicImage>;

  std::vector<Image> topics_;  // null: deleted
  broker::controller::MetadataImage image_;
};

}  // namespace sluice::test::sim
