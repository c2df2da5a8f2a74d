#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/group/group_shard.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::test {

using broker::group::ClassicState;
using protocol::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// What the driver of a GroupShard does, in memory: a log, appends that are committed when the test says so, a clock.
class GroupHarness {
 public:
  explicit GroupHarness(broker::config::GroupSettings given = {}) : settings(given) {}

  using Ticket = broker::group::Ticket;

  Ticket join(protocol::JoinGroupRequest request, std::int16_t version = 9) {
    const Ticket ticket{next_ticket_++};
    perform(shard.join({.request = request,
                        .version = version,
                        .client_id = "client",
                        .client_host = "/127.0.0.1",
                        .fresh_id = fresh_id(),
                        .ticket = ticket},
                       now));
    return ticket;
  }
  Ticket sync(const protocol::SyncGroupRequest& request) {
    const Ticket ticket{next_ticket_++};
    perform(shard.sync(request, ticket, now));
    return ticket;
  }
  ErrorCode heartbeat(const std::string& group, const std::string& member, std::int32_t generation) {
    protocol::HeartbeatRequest request;
    request.group_id = group;
    request.member_id = member;
    request.generation_id = generation;
    return shard.heartbeat(request, now).error_code;
  }
  ErrorCode leave(const std::string& group, const std::string& member, std::optional<std::string> instance = {}) {
    protocol::LeaveGroupRequest request;
    request.group_id = group;
    auto& leaving = request.members.emplace_back();
    leaving.member_id = member;
    leaving.group_instance_id = std::move(instance);
    auto decision = shard.leave(request, now);
    perform(std::move(decision.effects));
    return decision.response.members.front().error_code;
  }
  /// The error of the only partition. Committed when the records are, see `commit_appends`.
  ErrorCode commit(const std::string& group, const std::string& member, std::int32_t generation,
                   const std::string& topic, std::int32_t partition, std::int64_t offset,
                   const std::string& metadata = "") {
    protocol::OffsetCommitRequest request;
    request.group_id = group;
    request.member_id = member;
    request.generation_id_or_member_epoch = generation;
    auto& to = request.topics.emplace_back();
    to.name = topic;
    auto& item = to.partitions.emplace_back();
    item.partition_index = PartitionId{partition};
    item.committed_offset = Offset{offset};
    item.committed_metadata = metadata;
    auto decision = shard.commit(request, 8, now);
    append(group, decision.records, {});
    return decision.response.topics.front().partitions.front().error_code;
  }
  Offset fetched(const std::string& group, const std::string& topic, std::int32_t partition) const {
    broker::group::GroupShard::FetchOfGroup request;
    request.group_id = group;
    auto& asked = request.topics->emplace_back();
    asked.name = topic;
    asked.partition_indexes = {PartitionId{partition}};
    return shard.fetch(request).topics.front().partitions.front().committed_offset;
  }
  void write_all(std::vector<broker::group::GroupWrite> writes) {
    for (auto& write : writes) append(write.group, write.records, write);
  }
  ErrorCode delete_group(const std::string& group) {
    auto decision = shard.delete_group(group);
    append(group, decision.records, {});
    return decision.response.error_code;
  }

  /// Lets time pass, waking the shard whenever it is due.
  void pass(milliseconds time) {
    const auto until = now.steady + time;
    for (auto due = shard.next_deadline(); due && *due <= until; due = shard.next_deadline()) {
      move_to(std::max(*due, now.steady));
      perform(shard.tick(now));
    }
    move_to(until);
  }

  /// The answer to a JoinGroup or SyncGroup, once it was given.
  std::optional<protocol::JoinGroupResponse> joined(Ticket ticket) const { return find(joins, ticket); }
  std::optional<protocol::SyncGroupResponse> synced(Ticket ticket) const { return find(syncs, ticket); }

  void commit_appends(std::size_t count = SIZE_MAX) {
    for (; count > 0 && !appends_.empty(); --count) {
      auto [group, records, write] = std::move(appends_.front());
      appends_.pop_front();
      for (const auto& record : records) {
        shard.replay(record);
        log.push_back(record);
      }
      if (write) perform(shard.on_stored(std::move(*write), ErrorCode::none, now));
      shard.on_appended(group);
    }
  }
  /// What was not committed could not be written.
  void fail_appends(ErrorCode error) {
    for (auto& [group, records, write] : std::exchange(appends_, {})) {
      if (write) perform(shard.on_stored(std::move(*write), error, now));
      shard.on_appended(group);
    }
  }
  std::size_t uncommitted() const { return appends_.size(); }

  /// As after a restart: what a coordinator makes of the committed log.
  broker::group::GroupShard reloaded() const {
    broker::group::GroupShard loaded{settings};
    for (const auto& record : log) {
      const auto encoded = encode(record);
      const auto decoded =
          broker::group::decode(encoded.key, encoded.value ? std::optional{ByteView{*encoded.value}} : std::nullopt);
      REQUIRE(decoded.record);
      CHECK(*decoded.record == record);
      loaded.load(*decoded.record);
    }
    return loaded;
  }

  /// The coordinator is killed and loads again: appends that were not committed are lost, and so is who waited.
  void restart() {
    appends_.clear();
    shard = reloaded();
    shard.finish_loading(now);
  }

  std::string state(const std::string& group) const { return shard.describe(group).group_state; }

  broker::config::GroupSettings settings;
  broker::group::GroupShard shard{settings};
  broker::group::Now now{.wall = Timestamp{1'700'000'000'000}, .steady = milliseconds{1000}};
  bool commits_at_once = true;
  std::vector<broker::group::GroupRecord> log;
  std::map<Ticket, protocol::JoinGroupResponse> joins;
  std::map<Ticket, protocol::SyncGroupResponse> syncs;

 private:
  struct Append {
    std::string group;
    std::vector<broker::group::GroupRecord> records;
    std::optional<broker::group::GroupWrite> write;
  };

  template <class Map>
  static std::optional<typename Map::mapped_type> find(const Map& map, Ticket ticket) {
    const auto found = map.find(ticket);
    return found == map.end() ? std::nullopt : std::optional{found->second};
  }
  void move_to(milliseconds steady) {
    now.wall = now.wall + (steady - now.steady).count();
    now.steady = steady;
  }
  Uuid fresh_id() {
    std::array<std::uint8_t, 16> bytes{};
    store_be(reinterpret_cast<std::byte*>(bytes.data()), next_id_++);
    return Uuid{bytes};
  }
  void perform(broker::group::Effects effects) {
    for (auto& [ticket, response] : effects.joins) REQUIRE(joins.emplace(ticket, std::move(response)).second);
    for (auto& [ticket, response] : effects.syncs) REQUIRE(syncs.emplace(ticket, std::move(response)).second);
    write_all(std::move(effects.writes));
  }
  void append(const std::string& group, const std::vector<broker::group::GroupRecord>& records,
              std::optional<broker::group::GroupWrite> write) {
    if (records.empty()) return;
    shard.on_append(group);
    appends_.push_back({group, records, std::move(write)});
    if (commits_at_once) commit_appends();
  }

  std::deque<Append> appends_;
  std::uint64_t next_ticket_ = 1;
  std::int64_t next_id_ = 1;
};

/// A consumer's subscription to `topics`, in the format of the consumer protocol, version 0.
inline std::vector<std::byte> subscription(const std::vector<std::string>& topics) {
  wire::Writer writer;
  writer.int16(0);
  writer.array_length(topics.size(), false);
  for (const auto& topic : topics) writer.string(topic, false);
  writer.int32(-1);
  return writer.take();
}

inline protocol::JoinGroupRequest join_request(const std::string& group, const std::string& member = "",
                                               const std::vector<std::string>& protocols = {"range"}) {
  protocol::JoinGroupRequest request;
  request.group_id = group;
  request.member_id = member;
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "consumer";
  for (const auto& name : protocols) {
    auto& protocol = request.protocols.emplace_back();
    protocol.name = name;
    protocol.metadata = subscription({"t"});
  }
  return request;
}

inline protocol::SyncGroupRequest sync_request(const std::string& group, const protocol::JoinGroupResponse& joined,
                                               const std::map<std::string, std::string>& assignments = {}) {
  protocol::SyncGroupRequest request;
  request.group_id = group;
  request.member_id = joined.member_id;
  request.generation_id = joined.generation_id;
  for (const auto& [member, text] : assignments) {
    auto& to = request.assignments.emplace_back();
    to.member_id = member;
    const auto bytes = as_byte_view(text);
    to.assignment.assign(bytes.begin(), bytes.end());
  }
  return request;
}

}  // namespace sluice::test
