#include "protocol/messages/offset_fetch.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::MetadataImage;
using protocol::ErrorCode;
using protocol::OffsetFetchRequest;
using protocol::OffsetFetchResponse;
using Group = OffsetFetchRequest::OffsetFetchRequestGroup;
using FetchedGroup = OffsetFetchResponse::OffsetFetchResponseGroup;
using FetchedTopic = OffsetFetchResponse::OffsetFetchResponseTopics;

constexpr std::int16_t kFirstWithGroupError = 2;
constexpr std::int16_t kFirstOfMany = 8;  // KIP-709
constexpr std::int16_t kFirstByTopicId = 10;

Group single_group(OffsetFetchRequest& request) {
  Group group;
  group.group_id = std::move(request.group_id);
  group.topics.reset();
  if (!request.topics) return group;
  auto& topics = group.topics.emplace();
  for (auto& asked : *request.topics) {
    auto& topic = topics.emplace_back();
    topic.name = std::move(asked.name);
    topic.partition_indexes = std::move(asked.partition_indexes);
  }
  return group;
}

OffsetFetchResponse of_single_group(FetchedGroup group, std::int16_t version) {
  OffsetFetchResponse response;
  response.error_code = group.error_code;
  for (auto& from : group.topics) {
    auto& topic = response.topics.emplace_back();
    topic.name = std::move(from.name);
    for (auto& partition : from.partitions) {
      auto& to = topic.partitions.emplace_back();
      to.partition_index = partition.partition_index;
      to.committed_offset = partition.committed_offset;
      to.committed_leader_epoch = partition.committed_leader_epoch;
      to.metadata = std::move(partition.metadata);
      to.error_code = version < kFirstWithGroupError ? group.error_code : partition.error_code;
    }
  }
  return response;
}

/// Up to version 1 an error has its place at the partitions only.
void add_partitions_of(const Group& asked, FetchedGroup& group) {
  if (group.error_code == ErrorCode::none || !group.topics.empty() || !asked.topics) return;
  for (const auto& topic : *asked.topics) {
    auto& to = group.topics.emplace_back();
    to.name = topic.name;
    for (const auto partition : topic.partition_indexes) {
      auto& item = to.partitions.emplace_back();
      item.partition_index = partition;
      item.committed_offset = kNoOffset;
    }
  }
}

/// Moves the topics whose id nobody knows out of the request, and names the others.
std::vector<FetchedTopic> take_out_unknown(Group& group, const MetadataImage& image) {
  std::vector<FetchedTopic> unknown;
  if (!group.topics) return unknown;
  std::erase_if(*group.topics, [&](auto& topic) {
    if (const auto* found = image.find_topic(topic.topic_id)) {
      topic.name = found->name;
      return false;
    }
    auto& answers = unknown.emplace_back();
    answers.topic_id = topic.topic_id;
    for (const auto partition : topic.partition_indexes) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition;
      answer.committed_offset = kNoOffset;
      answer.error_code = ErrorCode::unknown_topic_id;
    }
    return true;
  });
  return unknown;
}

/// Of topics asked for by name: so that offsets of a topic of the same name that is no more are not found.
void add_ids(Group& group, const MetadataImage& image) {
  if (!group.topics) return;
  for (auto& topic : *group.topics) {
    const auto* found = image.find_topic(topic.name);
    if (found != nullptr) topic.topic_id = found->id;
  }
}

/// Leaves offsets out that were committed for a topic of the same name that is no more, and gives the others the id of
/// theirs. Topics that exist no more have none, and stay only where the client goes by names.
void settle_ids(FetchedGroup& group, const MetadataImage& image, bool by_topic_id) {
  std::vector<FetchedTopic> topics;
  for (auto& topic : group.topics) {
    const auto* found = image.find_topic(topic.name);
    if (found == nullptr && by_topic_id) continue;
    if (found != nullptr && !topic.topic_id.is_zero() && topic.topic_id != found->id) continue;
    if (found != nullptr) topic.topic_id = found->id;
    if (topics.empty() || topics.back().name != topic.name) {
      topics.push_back(std::move(topic));
      continue;
    }
    auto& partitions = topics.back().partitions;
    partitions.insert(partitions.end(), topic.partitions.begin(), topic.partitions.end());
  }
  group.topics = std::move(topics);
}

/// A partition that is named again and again would be answered as often, its text with it: it is named once.
void drop_repeats(Group& group) {
  if (!group.topics) return;
  std::map<std::pair<std::string_view, Uuid>, std::unordered_set<std::int32_t>> seen;
  for (auto& topic : *group.topics) {
    auto& partitions = seen[{topic.name, topic.topic_id}];
    std::erase_if(topic.partition_indexes, [&](PartitionId one) { return !partitions.insert(one.value()).second; });
  }
}

/// Moves the groups out of the request that it has named before.
std::vector<FetchedGroup> take_out_repeats(std::vector<Group>& groups) {
  std::vector<FetchedGroup> repeats;
  std::unordered_set<std::string> seen;
  std::erase_if(groups, [&](const auto& group) {
    if (seen.insert(group.group_id).second) return false;
    auto& answer = repeats.emplace_back();
    answer.group_id = group.group_id;
    answer.error_code = ErrorCode::invalid_request;
    return true;
  });
  return repeats;
}

void fetch_single(OffsetFetchRequest& request, RequestContext& context, Respond<OffsetFetchResponse> respond) {
  auto group = single_group(request);
  const auto image = context.services.images.image();
  drop_repeats(group);
  add_ids(group, *image);
  const auto version = context.api_version;
  std::vector<Group> groups{group};
  context.services.groups.fetch(
      std::move(groups), request.require_stable,
      [image, group = std::move(group), version, answer = answer_with(std::move(respond))](auto fetched) {
        if (version < kFirstWithGroupError) add_partitions_of(group, fetched.front());
        settle_ids(fetched.front(), *image, false);
        answer(of_single_group(std::move(fetched.front()), version));
      });
}

}  // namespace

/// API 9. The committed offsets of a group, or since version 8 of several. With
/// require_stable commits that are under way are waited for; no transaction can hold one back.
template <>
void handle<protocol::OffsetFetch>(OffsetFetchRequest& request, RequestContext& context,
                                   Respond<OffsetFetchResponse> respond) {
  if (context.api_version < kFirstOfMany) return fetch_single(request, context, std::move(respond));
  const auto image = context.services.images.image();
  const bool by_topic_id = context.api_version >= kFirstByTopicId;
  auto repeats = take_out_repeats(request.groups);
  std::vector<std::vector<FetchedTopic>> unknown(request.groups.size());
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    auto& group = request.groups[i];
    drop_repeats(group);
    if (by_topic_id) {
      unknown[i] = take_out_unknown(group, *image);
    } else {
      add_ids(group, *image);
    }
  }
  context.services.groups.fetch(std::move(request.groups), request.require_stable,
                                [image, by_topic_id, unknown = std::move(unknown), repeats = std::move(repeats),
                                 answer = answer_with(std::move(respond))](std::vector<FetchedGroup> fetched) {
                                  OffsetFetchResponse response;
                                  response.groups = std::move(fetched);
                                  for (std::size_t i = 0; i < unknown.size(); ++i) {
                                    auto& group = response.groups[i];
                                    settle_ids(group, *image, by_topic_id);
                                    if (group.error_code != ErrorCode::none) continue;
                                    group.topics.insert(group.topics.end(), unknown[i].begin(), unknown[i].end());
                                  }
                                  response.groups.insert(response.groups.end(), repeats.begin(), repeats.end());
                                  answer(response);
                                });
}

}  // namespace sluice::broker::api
