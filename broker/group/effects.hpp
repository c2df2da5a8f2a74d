#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/group_record.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/sync_group.hpp"

namespace sluice::broker::group {

/// What a core is told of the time: of the day for what is stored, and steady for timeouts.
struct Now {
  Timestamp wall{0};
  std::chrono::milliseconds steady{0};  ///< since whatever moment; never goes back
};
using Instant = std::chrono::milliseconds;  ///< as Now::steady

/// Names a request that is answered later. The driver makes them, each once.
using Ticket = Id<struct TicketTag, std::uint64_t>;

struct JoinAnswer {
  Ticket ticket;
  protocol::JoinGroupResponse response;
};

struct SyncAnswer {
  Ticket ticket;
  protocol::SyncGroupResponse response;
};

struct ClassicMember;

/// Records to append as one batch; once they are committed and replayed, or could not be written, the group is told
/// through `on_stored`.
struct GroupWrite {
  std::string group;
  std::vector<GroupRecord> records;
  std::int32_t generation_id = -1;
  std::optional<JoinAnswer> join{};                 ///< waits for the records
  std::shared_ptr<const ClassicMember> replaced{};  ///< with `join`: the static member as it was, should the write fail
  bool replayed = false;  ///< the records are taken in already, see ConsumerGroup; nobody is told
};

/// What the driver is to do after a step of a group.
struct Effects {
  std::vector<JoinAnswer> joins;
  std::vector<SyncAnswer> syncs;
  std::vector<GroupWrite> writes;
  /// The answers rest on records taken in before they are committed: they wait for the writes, and for all appends that
  /// are under way.
  bool wait_for_appends = false;

  void add(Effects more) {
    wait_for_appends = wait_for_appends || more.wait_for_appends;
    joins.insert(joins.end(), std::make_move_iterator(more.joins.begin()), std::make_move_iterator(more.joins.end()));
    syncs.insert(syncs.end(), std::make_move_iterator(more.syncs.begin()), std::make_move_iterator(more.syncs.end()));
    writes.insert(writes.end(), std::make_move_iterator(more.writes.begin()),
                  std::make_move_iterator(more.writes.end()));
  }
};

/// The answer to a request: at once when there are no records, else once those are committed and replayed. Records of a
/// ConsumerGroup have been replayed already, and its answers wait for all appends that are under way.
template <class Response>
struct Decision {
  Response response{};
  std::vector<GroupRecord> records{};
  Effects effects{};
};

}  // namespace sluice::broker::group
