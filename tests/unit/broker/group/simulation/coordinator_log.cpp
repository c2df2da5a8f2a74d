// Coordinator: its log, and what is made of it.

#include <algorithm>
#include <set>
#include <utility>

#include "tests/unit/broker/group/simulation/coordinator.hpp"

namespace sluice::test::sim {

using broker::group::GroupRecord;
using broker::group::GroupShard;
using broker::group::OffsetRecord;
using protocol::ErrorCode;

namespace {

constexpr Time kReloadTime{20};
constexpr std::uint64_t kChecksAtRest = 16;  // one in so many, while nothing is written

/// Groups of the consumer protocol take their records in as they make them.
bool is_taken_in(const GroupRecord& record) {
  return !std::holds_alternative<OffsetRecord>(record) &&
         !std::holds_alternative<broker::group::GroupMetadataRecord>(record);
}

std::vector<std::byte> key_of(const GroupRecord& record) { return encode(record).key; }

}  // namespace

void Coordinator::append(const std::string& group, std::vector<GroupRecord> records, Done done) {
  if (!is_up()) return done(ErrorCode::not_coordinator);
  shard_->on_append(group);
  const bool fails = world_.random.per_mille(faults.failed_appends_per_mille);
  const bool is_slow = world_.random.per_mille(faults.slow_commits_per_mille);
  const Time delay{world_.random.below(is_slow ? static_cast<int>(faults.slowest_commit.count()) + 1 : 3)};
  appends_.push_back({.group = group, .records = std::move(records), .done = std::move(done), .fails = fails});
  last_commit_ = std::max(last_commit_, world_.now() + delay);
  world_.after(last_commit_ - world_.now(), [this, life = life_] {
    if (life == life_) finish_first_append();
  });
}

void Coordinator::after_appends(Done done) {
  if (!is_up()) return done(ErrorCode::not_coordinator);
  if (!appends_.empty()) return appends_.back().waiting.push_back(std::move(done));
  done(ErrorCode::none);
}

void Coordinator::finish_first_append() {
  auto append = std::move(appends_.front());
  appends_.pop_front();
  auto error = ErrorCode::none;
  if (append.fails) {
    error = ErrorCode::coordinator_not_available;
    world_.note("coordinator: {} records could not be written", append.records.size());
    if (std::any_of(append.records.begin(), append.records.end(), is_taken_in)) return start_over(std::move(append));
  } else {
    for (const auto& record : append.records) {
      log(record);
      shard_->replay(record);
      if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
        check_visible({topic_of(offset->key.topic), offset->key.partition.value()});
      }
    }
  }
  append.done(error);
  shard_->on_appended(append.group);
  for (const auto& waiting : append.waiting) waiting(error);
  if (is_up()) wait_for_deadline();
}

void Coordinator::log(const GroupRecord& record) {
  const auto encoded = encode(record);
  const auto decoded =
      broker::group::decode(encoded.key, encoded.value ? std::optional{ByteView{*encoded.value}} : std::nullopt);
  world_.promise(decoded.record == record, "a record is read back differently from how it was written");
  if (const auto* offset = std::get_if<OffsetRecord>(&record)) witnesses_.ledger.on_logged(*offset);
  const bool was_consumer = stored_->find_consumer(kGroup) != nullptr;
  stored_->load(*decoded.record);
  if (was_consumer != (stored_->find_consumer(kGroup) != nullptr)) witnesses_.generations.start_over();
  log_.push_back(record);
}

/// The shard has taken in what could not be written, and maybe more that rests on it.
void Coordinator::start_over(Append failed) {
  appends_.push_front(std::move(failed));
  refuse_waiting(ErrorCode::coordinator_not_available);
  shard_.reset();
  ++life_;
  world_.after(kReloadTime, [this, life = life_] {
    if (life == life_) load();
  });
}

void Coordinator::refuse_waiting(ErrorCode error) {
  for (const auto& append : std::exchange(appends_, {})) {
    append.done(error);
    for (const auto& waiting : append.waiting) waiting(error);
  }
  for (const auto& [ticket, join] : std::exchange(joins_, {})) {
    protocol::JoinGroupResponse response;
    response.error_code = error;
    response.member_id = join.member_id;
    join.answer(response);
  }
  for (const auto& [ticket, answer] : std::exchange(syncs_, {})) {
    protocol::SyncGroupResponse response;
    response.error_code = error;
    answer(response);
  }
}

void Coordinator::crash(Time downtime) {
  auto survivors = world_.random.below(static_cast<int>(appends_.size()) + 1);
  world_.note("coordinator: dies, {} of {} appends survive, back in {} ms", survivors, appends_.size(),
              downtime.count());
  shard_.reset();
  ++life_;
  for (const auto& append : std::exchange(appends_, {})) {
    if (append.fails || survivors-- <= 0) break;
    for (const auto& record : append.records) log(record);
  }
  if (world_.random.one_in(2)) {
    refuse_waiting(ErrorCode::not_coordinator);
  } else {
    joins_.clear();
    syncs_.clear();
  }
  steady_base_ = Time{world_.random.below(100'000'000)};
  world_.after(downtime, [this, life = life_] {
    if (life == life_) load();
  });
}

void Coordinator::load() {
  std::vector<const GroupRecord*> records;
  if (world_.random.one_in(2)) {
    records = compacted_log();
  } else {
    for (const auto& record : log_) records.push_back(&record);
  }
  shard_ = load_shard(records, settings_, time());
  shard_->set_image(std::make_shared<const broker::controller::MetadataImage>(topics_.image()));
  last_commit_ = world_.now();
  timer_.reset();
  world_.note("coordinator: loaded {} of {} records", records.size(), log_.size());
  for (const auto& partition : topics_.partitions_of(topics_.existing())) check_visible(partition);
  wait_for_deadline();
}

/// What compaction may leave: the last record of each key, with or without tombstones, and anything of the end.
std::vector<const GroupRecord*> Coordinator::compacted_log() {
  const auto cleaned = static_cast<std::size_t>(world_.random.below(static_cast<int>(log_.size()) + 1));
  const bool keeps_tombstones = world_.random.one_in(2);
  std::set<std::vector<std::byte>> later;
  std::vector<const GroupRecord*> kept;
  for (auto at = cleaned; at-- > 0;) {
    const auto& record = log_[at];
    const bool is_tombstone = std::visit([](const auto& kind) { return !kind.value.has_value(); }, record);
    if (!later.insert(key_of(record)).second || (is_tombstone && !keeps_tombstones)) continue;
    kept.push_back(&record);
  }
  std::reverse(kept.begin(), kept.end());
  for (auto at = cleaned; at < log_.size(); ++at) kept.push_back(&log_[at]);
  return kept;
}

void Coordinator::check_visible(TopicPartition partition) const {
  const auto* offsets = shard_->find_offsets(kGroup);
  const auto found =
      offsets == nullptr ? std::nullopt : offsets->find(name_of(partition.topic), PartitionId{partition.partition});
  witnesses_.ledger.on_visible(partition, found ? found->offset : kNoOffset);
}

void Coordinator::wait_for_deadline() {
  if (!is_up()) return;
  const auto next = shard_->next_deadline();
  if (!next) return;
  const auto due = std::max(*next - steady_base_, world_.now());
  if (timer_ && *timer_ <= due) return;
  timer_ = due;
  world_.after(due - world_.now(), [this, life = life_, due] {
    if (life != life_ || timer_ != due) return;
    timer_.reset();
    shard_->set_image(std::make_shared<const broker::controller::MetadataImage>(topics_.image()));
    perform(shard_->tick(time()));
  });
}

void Coordinator::check() {
  if (!is_up() || !appends_.empty()) return;
  if (checked_log_size_ == log_.size() && ++checks_ % kChecksAtRest != 0) return;
  checked_log_size_ = log_.size();
  const auto found = difference(*shard_, *stored_, topics_.image());
  world_.promise(found.empty(), "the live group is not what the log says: {}", found);
}

std::unique_ptr<GroupShard> load_shard(const std::vector<const GroupRecord*>& log,
                                       const broker::config::GroupSettings& settings, broker::group::Now now) {
  auto shard = std::make_unique<GroupShard>(settings);
  for (const auto* record : log) shard->load(*record);
  shard->finish_loading(now);
  return shard;
}

namespace {

using broker::group::ConsumerGroup;
using broker::group::ConsumerMember;

bool same(const ConsumerMember& left, const ConsumerMember& right) {
  const auto durable = [](const ConsumerMember& member) {
    return std::tie(member.id, member.instance_id, member.rack_id, member.client_id, member.client_host,
                    member.subscribed_topic_names, member.subscribed_topic_regex, member.rebalance_timeout,
                    member.server_assignor, member.classic, member.member_epoch, member.previous_member_epoch,
                    member.state, member.assigned, member.pending_revocation);
  };
  return durable(left) == durable(right);
}

std::string difference(const ConsumerGroup& left, const ConsumerGroup& right,
                       const broker::controller::MetadataImage& image) {
  if (left.group_epoch() != right.group_epoch()) return "group epoch";
  if (left.assignment_epoch() != right.assignment_epoch()) return "assignment epoch";
  if (!std::equal(left.members().begin(), left.members().end(), right.members().begin(), right.members().end(),
                  [](const auto& mine, const auto& theirs) { return same(mine.second, theirs.second); })) {
    return "members";
  }
  for (const auto& [id, member] : left.members()) {
    if (left.target_of(id) != right.target_of(id)) return "target of " + id;
  }
  if (left.tombstones() != right.tombstones()) return "what is stored";
  return left.describe(image) == right.describe(image) ? "" : "description";
}

}  // namespace

std::string difference(const GroupShard& left, const GroupShard& right,
                       const broker::controller::MetadataImage& image) {
  const broker::group::Offsets none;
  const auto offsets = [&](const GroupShard& shard) -> const auto& {
    const auto* found = shard.find_offsets(kGroup);
    return found == nullptr ? none : *found;
  };
  if (!(offsets(left) == offsets(right))) return "offsets";
  const auto classic = [](const GroupShard& shard) {
    const auto* found = shard.find_classic(kGroup);
    return found == nullptr ? std::nullopt : found->stored();
  };
  if (classic(left) != classic(right)) return "metadata of the classic group";
  const auto consumer = [](const GroupShard& shard) {
    const auto* found = shard.find_consumer(kGroup);
    return found == nullptr || !found->is_stored() ? nullptr : found;
  };
  const auto* mine = consumer(left);
  const auto* theirs = consumer(right);
  if (mine == nullptr || theirs == nullptr) return mine == theirs ? "" : "existence of the consumer group";
  return difference(*mine, *theirs, image);
}

}  // namespace sluice::test::sim
