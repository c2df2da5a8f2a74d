#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/topic_partitions.hpp"

namespace sluice::broker::group {

/// A topic that somebody in the group reads.
struct AssignableTopic {
  Uuid id;
  std::string name;  ///< `range` takes topics in the order of their names
  std::int32_t partitions = 0;
  /// For each partition, the racks of its replicas, ascending and unique; empty where racks are not known.
  std::vector<std::vector<std::string>> racks{};
};

/// A member as an assignor sees it.
struct AssignableMember {
  std::string_view id;
  std::optional<std::string_view> instance_id{};
  std::optional<std::string_view> rack{};
  /// Positions in AssignmentProblem::topics, ascending.
  std::vector<std::size_t> subscription{};
  /// What it had in the last target assignment, to be kept where that is fair. Never null. May hold partitions that
  /// are no more, that the member no longer subscribes, or that others had too.
  const TopicPartitions* previous = nullptr;
};

/// Who reads what: the input of an assignor.
struct AssignmentProblem {
  std::span<const AssignableTopic> topics;    ///< ascending by name
  std::span<const AssignableMember> members;  ///< ascending by id
};

/// A way of sharing partitions out among the members of a consumer group (KIP-848). Stateless, deterministic.
class Assignor {
 public:
  virtual ~Assignor() = default;

  /// As clients and operators call it.
  virtual std::string_view name() const noexcept = 0;
  /// One entry for each member, in their order: together every partition of a topic that somebody subscribes, each
  /// once.
  virtual std::vector<TopicPartitions> assign(const AssignmentProblem& problem) const = 0;
};

/// "uniform" or "range"; null for any other name.
const Assignor* find_assignor(std::string_view name) noexcept;

}  // namespace sluice::broker::group
