#include "broker/group/consumer/subscribed_topics.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

/// FNV-1a, 64 bits. Only ever compared with what this broker's software computed.
class Hasher {
 public:
  void add(const void* bytes, std::size_t size) {
    for (const auto* at = static_cast<const unsigned char*>(bytes); size > 0; --size, ++at) {
      state_ = (state_ ^ *at) * 0x100000001B3U;
    }
  }
  void add(std::string_view text) {
    add(text.size());
    add(text.data(), text.size());
  }
  void add(std::uint64_t number) { add(&number, sizeof number); }
  std::uint64_t result() const noexcept { return state_; }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

}  // namespace

void SubscribedTopics::add(const std::string& topic) {
  auto& entry = topics_[topic];
  if (entry.readers++ == 0) complete_ = false;  // its hash comes with its image
}

void SubscribedTopics::remove(const std::string& topic) {
  const auto found = topics_.find(topic);
  SLUICE_ASSERT(found != topics_.end());
  if (--found->second.readers > 0) return;
  topics_.erase(found);
  hash_.reset();
}

void SubscribedTopics::refresh(const controller::MetadataImage& image) {
  if (complete_ && image.version() == version_) return;
  const bool racks_changed = refresh_racks(image);
  for (auto& [name, topic] : topics_) {
    const auto* found = image.find_topic(name);
    if (found == topic.image.get() && !racks_changed) continue;
    topic.image = found == nullptr ? nullptr : image.share_topic(found->id);
    topic.hash = found == nullptr ? 0 : hash_of(*found);
    hash_.reset();
  }
  version_ = image.version();
  complete_ = true;
}

std::uint64_t SubscribedTopics::hash() {
  if (hash_) return *hash_;
  Hasher hasher;
  bool any = false;
  for (const auto& [name, topic] : topics_) {
    if (!topic.image) continue;
    hasher.add(topic.hash);
    any = true;
  }
  hash_ = any ? hasher.result() : 0;
  return *hash_;
}

std::span<const AssignableTopic> SubscribedTopics::assignable() {
  const auto now = hash();
  if (assignable_hash_ == now) return assignable_;
  assignable_.clear();
  for (const auto& [name, topic] : topics_) {
    if (!topic.image) continue;
    auto& to = assignable_.emplace_back();
    to.id = topic.image->id;
    to.name = name;
    to.partitions = static_cast<std::int32_t>(topic.image->partitions.size());
    if (racks_.empty()) continue;
    for (const auto& partition : topic.image->partitions) to.racks.push_back(racks_of(partition));
  }
  assignable_hash_ = now;
  return assignable_;
}

std::optional<Uuid> SubscribedTopics::id_of(std::string_view topic) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !found->second.image) return std::nullopt;
  return found->second.image->id;
}

std::vector<std::string> SubscribedTopics::racks_of(const controller::PartitionImage& partition) const {
  std::vector<std::string> racks;
  for (const auto replica : partition.replicas) {
    if (const auto rack = racks_.find(replica); rack != racks_.end()) racks.push_back(rack->second);
  }
  std::sort(racks.begin(), racks.end());
  racks.erase(std::unique(racks.begin(), racks.end()), racks.end());
  return racks;
}

std::uint64_t SubscribedTopics::hash_of(const controller::TopicImage& topic) const {
  Hasher hasher;
  hasher.add(topic.name);
  hasher.add(topic.id.bytes().data(), topic.id.bytes().size());
  hasher.add(topic.partitions.size());
  if (racks_.empty()) return hasher.result();
  for (const auto& partition : topic.partitions) {
    const auto racks = racks_of(partition);
    hasher.add(racks.size());
    for (const auto& rack : racks) hasher.add(rack);
  }
  return hasher.result();
}

bool SubscribedTopics::refresh_racks(const controller::MetadataImage& image) {
  Racks racks;
  for (const auto& broker : image.brokers()) {
    if (broker.rack) racks.emplace(broker.id, *broker.rack);
  }
  if (racks == racks_) return false;
  racks_ = std::move(racks);
  return true;
}

}  // namespace sluice::broker::group
