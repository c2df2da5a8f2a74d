#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/group/assignor/assignor.hpp"

namespace sluice::broker::group {

/// The topics that somebody in a group reads, and what the cluster knows of them: their ids, their partitions, the
/// racks these are in.
class SubscribedTopics {
 public:
  /// A member, or a regular expression, reads `topic` from now on, or no more; counted.
  void add(const std::string& topic);
  void remove(const std::string& topic);
  bool contains(std::string_view topic) const { return topics_.find(topic) != topics_.end(); }

  /// Looks the topics up. Next to nothing when the image is the one of the last time and no topic was added; topics
  /// that did not change are not looked into.
  void refresh(const controller::MetadataImage& image);
  /// Tells what `refresh` found apart: another hash, and the assignment has to be made anew. Zero: no topics.
  std::uint64_t hash();
  /// Those that exist, ascending by name; valid until the next `refresh`.
  std::span<const AssignableTopic> assignable();
  /// The id of an existing topic.
  std::optional<Uuid> id_of(std::string_view topic) const;

 private:
  struct Topic {
    std::size_t readers = 0;
    std::shared_ptr<const controller::TopicImage> image{};  ///< null: does not exist, or was not looked up yet
    std::uint64_t hash = 0;
  };
  using Racks = std::map<BrokerId, std::string>;

  std::vector<std::string> racks_of(const controller::PartitionImage& partition) const;
  std::uint64_t hash_of(const controller::TopicImage& topic) const;
  bool refresh_racks(const controller::MetadataImage& image);

  std::map<std::string, Topic, std::less<>> topics_;
  Racks racks_;
  Offset version_ = kNoOffset;         // of the image that was looked at last
  bool complete_ = false;              // no topic was added since
  std::optional<std::uint64_t> hash_;  // while no topic has changed since
  std::vector<AssignableTopic> assignable_;
  std::optional<std::uint64_t> assignable_hash_;  // what `assignable_` was made of
};

}  // namespace sluice::broker::group
