#include "tests/unit/broker/group/simulation/topics.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>

namespace sluice::test::sim {

using broker::controller::TopicImage;

std::string name_of(int topic) { return fmt::format("t{}", topic); }

Uuid id_of(int topic) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = 't';
  bytes[15] = static_cast<std::uint8_t>(topic);
  return Uuid{bytes};
}

int topic_of(std::string_view name) {
  int topic = -1;
  std::from_chars(name.data() + 1, name.data() + name.size(), topic);
  return topic;
}

int topic_of(const Uuid& id) { return id.bytes()[15]; }

std::string to_string(const TopicPartitionSet& partitions) {
  std::string text = "{";
  for (const auto& [topic, partition] : partitions) text += fmt::format(" {}-{}", name_of(topic), partition);
  return text + " }";
}

TopicPartitionSet minus(const TopicPartitionSet& left, const TopicPartitionSet& right) {
  TopicPartitionSet rest;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::inserter(rest, rest.end()));
  return rest;
}

int Topics::create(int partitions) {
  const int topic = static_cast<int>(topics_.size());
  auto image = std::make_shared<TopicImage>();
  image->name = name_of(topic);
  image->id = id_of(topic);
  for (int i = 0; i < partitions; ++i) image->partitions.emplace_back().partition = PartitionId{i};
  topics_.push_back(image);
  image_.add_topic(std::move(image));
  image_.set_version(image_.version() + 1);
  return topic;
}

void Topics::grow(int topic) {
  auto& image = topics_[static_cast<std::size_t>(topic)];
  auto grown = std::make_shared<TopicImage>(*image);
  grown->partitions.emplace_back().partition = PartitionId{partition_count(topic)};
  image_.replace_topic(*image, grown);
  image_.set_version(image_.version() + 1);
  image = std::move(grown);
}

void Topics::remove(int topic) {
  auto& image = topics_[static_cast<std::size_t>(topic)];
  image_.remove_topic(*image);
  image_.set_version(image_.version() + 1);
  image.reset();
}

int Topics::partition_count(int topic) const {
  if (static_cast<std::size_t>(topic) >= topics_.size()) return 0;
  const auto& image = topics_[static_cast<std::size_t>(topic)];
  return image ? static_cast<int>(image->partitions.size()) : 0;
}

std::vector<int> Topics::existing() const {
  std::vector<int> numbers;
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (topics_[i]) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

TopicPartitionSet Topics::partitions_of(const std::vector<int>& topics) const {
  TopicPartitionSet all;
  for (const int topic : topics) {
    for (int i = 0; i < partition_count(topic); ++i) all.insert({topic, i});
  }
  return all;
}

}  // namespace sluice::test::sim
