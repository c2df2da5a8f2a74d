#include <catch2/catch.hpp>

#include "tests/support/partition_harness.hpp"

// What a partition does as leader and as follower, one replica at a time; the other brokers are played by the tests.

namespace sluice::broker::replication {
namespace {

using namespace std::chrono_literals;
using config::Durability;
using controller::BrokerEpoch;
using controller::PartitionEpoch;
using controller::PartitionImage;
using protocol::ErrorCode;
using test::PartitionHarness;

constexpr Partition::Instant kNow{std::chrono::hours{1}};
constexpr BrokerId kSelf{1};
constexpr BrokerId kOther{2};

struct CountedEvents final : ReplicaEvents {
  void on_isr_change_wanted(const std::shared_ptr<Partition>&) noexcept override { ++changes_wanted; }
  void on_follower_synced(const std::shared_ptr<Partition>&) noexcept override { ++synced; }
  int changes_wanted = 0;
  int synced = 0;
};

struct CountingWaiter final : ProgressWaiter {
  void on_progress() noexcept override { ++count; }
  int count = 0;
};

struct Asked {
  BrokerId leader = kSelf;
  int leader_epoch = 3;
  int partition_epoch = 0;
  std::vector<BrokerId> isr{kSelf, kOther};
};

PartitionImage image_of(const Asked& asked) {
  return {.replicas = {kSelf, kOther},
          .isr = asked.isr,
          .leader = asked.leader,
          .leader_epoch = LeaderEpoch{asked.leader_epoch},
          .partition_epoch = PartitionEpoch{asked.partition_epoch}};
}

/// One of two replicas, on broker 1.
struct Replica : PartitionHarness {
  explicit Replica(const Asked& asked = {}, int min_in_sync = 1, Durability durability = Durability::os)
      : PartitionHarness{Durability::os} {
    config::TopicSettings settings;
    settings.durability = durability;
    settings.min_insync_replicas = min_in_sync;
    replica = open("/data/r-0", std::make_shared<const config::TopicSettings>(settings), told);
    REQUIRE(replica->apply(image_of(asked), kNow).has_value());
  }

  void apply(const Asked& asked) { REQUIRE(replica->apply(image_of(asked), kNow).has_value()); }
  Offset append(int records = 1) {
    auto bytes = test::batch_of(records, 10);
    const auto appended = replica->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
    REQUIRE(appended.has_value());
    return appended->last_offset + 1;
  }
  ErrorCode fetch(int position, Partition::Instant at = kNow) {
    return replica->note_fetch({kOther, BrokerEpoch{7}}, Offset{position}, at);
  }
  /// As if the leader had sent records of `epoch`, from `base` on.
  Result<> take(int base, int epoch, int high_watermark = 0, int records = 1, int log_start = 0) {
    record::BatchOptions options;
    options.base_offset = Offset{base};
    options.partition_leader_epoch = LeaderEpoch{epoch};
    const auto bytes = test::batch_of(records, 10, options);
    return replica->take_fetched(
        *replica->fetch_position(),
        {.batches = bytes, .leader_high_watermark = Offset{high_watermark}, .leader_log_start = Offset{log_start}},
        test::kSomeTime);
  }
  Result<> diverge(int epoch, int end) {
    return replica->take_fetched(*replica->fetch_position(),
                                 {.diverging = storage::EpochEnd{LeaderEpoch{epoch}, Offset{end}}}, test::kSomeTime);
  }

  CountedEvents told;
  std::shared_ptr<Partition> replica;
};

/// What became of a produce that waits.
struct Waiting {
  Waiting(Partition& partition, Offset end, LeaderEpoch appended_in = kNoLeaderEpoch) {
    partition.when_replicated(
        end, [this](ErrorCode told) { outcome = told; }, appended_in);
  }
  std::optional<ErrorCode> outcome;
};

}  // namespace

TEST_CASE("a record is acknowledged by the fetch that shows that the follower has it", "[replica]") {
  Replica it;
  const auto end = it.append(3);
  Waiting waiting{*it.replica, end};
  CHECK(it.fetch(0) == ErrorCode::none);
  CHECK_FALSE(waiting.outcome.has_value());
  CHECK(it.replica->high_watermark() == Offset{0});
  CHECK(it.fetch(3) == ErrorCode::none);
  CHECK(waiting.outcome == ErrorCode::none);
  CHECK(it.replica->high_watermark() == Offset{3});
}

TEST_CASE("with durability fsync a record is acknowledged once leader and follower have synced it", "[replica]") {
  Replica it{{}, 1, Durability::fsync};
  Waiting waiting{*it.replica, it.append(3)};
  it.syncer.stop();  // has synced it
  CHECK(it.fetch(3) == ErrorCode::none);
  CHECK(it.replica->high_watermark() == Offset{0});
  it.replica->note_synced(kOther, LeaderEpoch{2}, Offset{3});
  CHECK_FALSE(waiting.outcome.has_value());
  it.replica->note_synced(kOther, LeaderEpoch{3}, Offset{3});
  CHECK(waiting.outcome == ErrorCode::none);
}

TEST_CASE("acks=all is refused while too few are in sync, and what was appended stays unread", "[replica]") {
  Replica it{{.isr = {kSelf}}, 2};
  CHECK(it.replica->check_in_sync() == ErrorCode::not_enough_replicas);
  const auto end = it.append();
  CHECK(it.replica->high_watermark() == Offset{0});
  Waiting waiting{*it.replica, end};
  SECTION("until somebody joins") {
    CHECK(it.fetch(1) == ErrorCode::none);
    CHECK(it.replica->high_watermark() == Offset{0});
    it.apply({.partition_epoch = 1});
    CHECK(it.replica->check_in_sync() == ErrorCode::none);
    CHECK(waiting.outcome == ErrorCode::none);
  }
  SECTION("or min.insync.replicas is lowered") {
    it.replica->set_settings(PartitionHarness::settings(Durability::os));
    CHECK(waiting.outcome == ErrorCode::none);
  }
}

TEST_CASE("what was replicated, and now has too few in sync, is told apart", "[replica]") {
  Replica it{{}, 2};
  const auto end = it.append();
  REQUIRE(it.fetch(1) == ErrorCode::none);
  it.apply({.partition_epoch = 1, .isr = {kSelf}});
  CHECK(Waiting{*it.replica, end}.outcome == ErrorCode::not_enough_replicas_after_append);
}

TEST_CASE("who waits is told when another leads, and so is who comes too late", "[replica]") {
  Replica it;
  const auto epoch = it.replica->leader_epoch();
  const auto end = it.append();
  Waiting before{*it.replica, end, epoch};
  it.apply({.leader = kOther, .leader_epoch = 4});
  CHECK(before.outcome == ErrorCode::not_leader_or_follower);
  CHECK(Waiting{*it.replica, end, epoch}.outcome == ErrorCode::not_leader_or_follower);
  auto bytes = test::batch_of(1, 10);
  const auto refused = it.replica->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
  CHECK(refused.error() == std::make_error_code(std::errc::operation_not_permitted));
  SECTION("even when this broker leads again") {
    it.apply({.leader_epoch = 5});
    REQUIRE(it.fetch(1) == ErrorCode::none);
    CHECK(Waiting{*it.replica, end, epoch}.outcome == ErrorCode::not_leader_or_follower);
    CHECK(Waiting{*it.replica, end, it.replica->leader_epoch()}.outcome == ErrorCode::none);
  }
}

TEST_CASE("who waits goes on waiting when the same broker leads on in the next epoch", "[replica]") {
  Replica it;
  const auto epoch = it.replica->leader_epoch();
  Waiting waiting{*it.replica, it.append(), epoch};
  it.apply({.leader_epoch = 4});
  CHECK_FALSE(waiting.outcome.has_value());
  REQUIRE(it.fetch(1) == ErrorCode::none);
  CHECK(waiting.outcome == ErrorCode::none);
}

TEST_CASE("older news than a replica has is passed over", "[replica]") {
  Replica it{{.leader_epoch = 5, .partition_epoch = 7}};
  it.apply({.leader = kOther, .leader_epoch = 4, .partition_epoch = 8});
  CHECK(it.replica->is_leader());
  it.apply({.leader_epoch = 5, .partition_epoch = 6, .isr = {kSelf}});
  CHECK(it.replica->isr().size() == 2);
}

TEST_CASE("a new leader knows the high watermark once its followers have what it began with", "[replica]") {
  Replica it{{.leader = kOther}};
  REQUIRE(it.take(0, 3, 1, 3).has_value());
  CHECK(it.replica->high_watermark() == Offset{1});
  it.apply({.leader_epoch = 4});
  CHECK(it.replica->high_watermark() == Offset{1});
  CHECK_FALSE(it.replica->knows_high_watermark());
  CHECK(it.fetch(2) == ErrorCode::none);
  CHECK(it.replica->high_watermark() == Offset{2});
  CHECK_FALSE(it.replica->knows_high_watermark());
  CHECK(it.fetch(3) == ErrorCode::none);
  CHECK(it.replica->knows_high_watermark());
}

TEST_CASE("fetches of followers are checked", "[replica]") {
  Replica it;
  it.append();
  CHECK(it.fetch(2) == ErrorCode::offset_out_of_range);
  CHECK(it.replica->note_fetch({BrokerId{9}}, Offset{0}, kNow) == ErrorCode::replica_not_available);
  CHECK(it.replica->note_fetch({kOther}, Offset{1}, kNow, LeaderEpoch{2}) == ErrorCode::fenced_leader_epoch);
  CHECK(it.replica->note_fetch({kOther}, Offset{1}, kNow, LeaderEpoch{4}) == ErrorCode::unknown_leader_epoch);
  CHECK(it.replica->high_watermark() == Offset{0});
  it.apply({.leader = kOther, .leader_epoch = 4});
  CHECK(it.fetch(1) == ErrorCode::not_leader_or_follower);
}

TEST_CASE("appends wake followers that wait at once, consumers when the records can be read", "[replica]") {
  Replica it;
  CountingWaiter follower;
  CountingWaiter consumer;
  Watch at_log_end;
  at_log_end.waiter = &follower;
  at_log_end.of_log_end = true;
  Watch at_high_watermark;
  at_high_watermark.waiter = &consumer;
  it.replica->watch(at_log_end);
  it.replica->watch(at_high_watermark);
  it.append();
  CHECK(follower.count == 1);
  CHECK(consumer.count == 0);
  REQUIRE(it.fetch(1) == ErrorCode::none);
  CHECK(follower.count == 1);
  CHECK(consumer.count == 1);
  it.apply({.leader = kOther, .leader_epoch = 4});
  CHECK(follower.count == 2);
  CHECK(consumer.count == 2);
  it.replica->unwatch(at_log_end);
  it.replica->unwatch(at_high_watermark);
}

TEST_CASE("a follower that fell behind is to leave the ISR, and is asked to leave once", "[replica]") {
  Replica it;
  it.append();
  it.replica->check_isr(kNow + 30s);
  CHECK(it.told.changes_wanted == 0);
  const auto late = kNow + 31s;
  it.replica->check_isr(late);
  REQUIRE(it.told.changes_wanted == 1);
  const auto change = it.replica->take_isr_change(late);
  REQUIRE(change.has_value());
  CHECK(change->topic_id == it.replica->topic_id());
  CHECK(change->leader_epoch == LeaderEpoch{3});
  CHECK(change->isr == std::vector<controller::AlterPartitionRequest::Member>{{kSelf}});
  CHECK_FALSE(it.replica->take_isr_change(late).has_value());
  CHECK(it.replica->high_watermark() == Offset{0});
  it.replica->on_isr_response({.now = image_of({.partition_epoch = 1, .isr = {kSelf}})}, late);
  CHECK(it.replica->isr() == std::vector<BrokerId>{kSelf});
  CHECK(it.replica->high_watermark() == Offset{1});
  SECTION("and joins again once it has everything") {
    REQUIRE(it.fetch(1, late) == ErrorCode::none);
    CHECK(it.told.changes_wanted == 2);
    const auto back = it.replica->take_isr_change(late);
    REQUIRE(back.has_value());
    CHECK(back->isr == std::vector<controller::AlterPartitionRequest::Member>{{kSelf}, {kOther, BrokerEpoch{7}}});
    CHECK(back->partition_epoch == PartitionEpoch{1});
  }
}

TEST_CASE("an answer about the ISR of an epoch that is over changes nothing", "[replica]") {
  Replica it{{.isr = {kSelf}}};
  REQUIRE(it.fetch(0) == ErrorCode::none);
  REQUIRE(it.replica->take_isr_change(kNow).has_value());
  it.apply({.leader_epoch = 4, .partition_epoch = 1, .isr = {kSelf}});
  REQUIRE(it.fetch(0) == ErrorCode::none);
  CHECK_FALSE(it.replica->take_isr_change(kNow).has_value());  // the first is still to be answered
  it.replica->on_isr_response({.now = image_of({.partition_epoch = 1})}, kNow);
  CHECK(it.replica->isr() == std::vector<BrokerId>{kSelf});
  CHECK(it.replica->take_isr_change(kNow).has_value());
}

TEST_CASE("a follower goes on where its log ends, with the epoch of its last record", "[replica]") {
  Replica it{{.leader = kOther, .leader_epoch = 8}};
  CHECK(it.replica->fetch_position()->last_fetched_epoch == kNoLeaderEpoch);
  REQUIRE(it.take(0, 5, 0, 3).has_value());
  const auto position = it.replica->fetch_position();
  REQUIRE(position.has_value());
  CHECK(position->offset == Offset{3});
  CHECK(position->last_fetched_epoch == LeaderEpoch{5});
  CHECK(position->current_leader_epoch == LeaderEpoch{8});
  CHECK(position->leader == kOther);
  it.apply({.leader_epoch = 9});
  CHECK_FALSE(it.replica->fetch_position().has_value());
  it.apply({.leader = kNoBroker, .leader_epoch = 10});
  CHECK_FALSE(it.replica->fetch_position().has_value());
}

TEST_CASE("a follower's high watermark is its leader's as far as its log goes, and its log start too", "[replica]") {
  Replica it{{.leader = kOther}};
  REQUIRE(it.take(0, 3, 5, 3).has_value());
  CHECK(it.replica->high_watermark() == Offset{3});
  REQUIRE(it.take(3, 3, 2, 3).has_value());
  CHECK(it.replica->high_watermark() == Offset{3});
  REQUIRE(it.take(6, 3, 9, 3, 4).has_value());
  CHECK(it.replica->log_start_offset() == Offset{4});
}

TEST_CASE("a follower cuts to where the last epoch that both have ends, in either log", "[replica]") {
  Replica it{{.leader = kOther, .leader_epoch = 9}};
  REQUIRE(it.take(0, 1, 0, 3).has_value());
  REQUIRE(it.take(3, 4, 0, 3).has_value());
  REQUIRE(it.take(6, 6, 0, 3).has_value());
  SECTION("the leader's is shorter") {
    REQUIRE(it.diverge(4, 3).has_value());
    CHECK(it.replica->log_end_offset() == Offset{3});
  }
  SECTION("ours is: the leader's epoch 5 is not here") {
    REQUIRE(it.diverge(5, 20).has_value());
    CHECK(it.replica->log_end_offset() == Offset{6});
    CHECK(it.replica->fetch_position()->last_fetched_epoch == LeaderEpoch{4});
    REQUIRE(it.diverge(1, 2).has_value());
    CHECK(it.replica->log_end_offset() == Offset{0});  // the whole batch that holds 2
  }
  SECTION("its high watermark goes with it") {
    REQUIRE(it.take(9, 6, 8).has_value());
    REQUIRE(it.diverge(4, 6).has_value());
    CHECK(it.replica->high_watermark() == Offset{6});
  }
  SECTION("an answer that leads nowhere is none") {
    CHECK(it.diverge(6, 12).error() == std::make_error_code(std::errc::bad_message));
    CHECK(it.diverge(-1, -1).error() == std::make_error_code(std::errc::bad_message));
    CHECK(it.replica->log_end_offset() == Offset{9});
  }
}

TEST_CASE("an epoch in which a replica led and nothing was written leaves no trace in what it fetches", "[replica]") {
  Replica it{{.leader = kOther, .leader_epoch = 4}};
  REQUIRE(it.take(0, 4, 0, 3).has_value());
  it.apply({.leader_epoch = 7});
  it.apply({.leader = kOther, .leader_epoch = 8});
  CHECK(it.replica->fetch_position()->last_fetched_epoch == LeaderEpoch{4});
  REQUIRE(it.take(3, 5, 0, 3).has_value());
  CHECK(it.replica->fetch_position()->last_fetched_epoch == LeaderEpoch{5});
}

TEST_CASE("what was fetched in a role that is over is dropped", "[replica]") {
  Replica it{{.leader = kOther}};
  const auto asked = *it.replica->fetch_position();
  const auto bytes = test::batch_of(1, 10);
  it.apply({.leader = kOther, .leader_epoch = 4});
  CHECK(it.replica->take_fetched(asked, {.batches = bytes}, test::kSomeTime).has_value());
  CHECK(it.replica->restart_at(asked, Offset{50}).has_value());
  CHECK(it.replica->log_end_offset() == Offset{0});
}

TEST_CASE("a batch that was cut short or damaged on its way is not appended", "[replica]") {
  Replica it{{.leader = kOther}};
  auto bytes = test::concat({test::batch_of(1, 10), test::batch_of(1, 10, {.base_offset = Offset{1}})});
  SECTION("cut short: the whole ones are") {
    bytes.resize(bytes.size() - 5);
    REQUIRE(it.replica->take_fetched(*it.replica->fetch_position(), {.batches = bytes}, test::kSomeTime).has_value());
    CHECK(it.replica->log_end_offset() == Offset{1});
  }
  SECTION("damaged: none is") {
    bytes.back() ^= std::byte{1};
    CHECK(it.replica->take_fetched(*it.replica->fetch_position(), {.batches = bytes}, test::kSomeTime).error() ==
          storage::Errc::corrupt_batch);
    CHECK(it.replica->log_end_offset() == Offset{0});
  }
}

TEST_CASE("a follower begins anew where its leader's log does, when that is past its own", "[replica]") {
  Replica it{{.leader = kOther}};
  REQUIRE(it.take(0, 3, 1, 3).has_value());
  REQUIRE(it.replica->restart_at(*it.replica->fetch_position(), Offset{40}).has_value());
  CHECK(it.replica->log_start_offset() == Offset{40});
  CHECK(it.replica->log_end_offset() == Offset{40});
  CHECK(it.replica->high_watermark() == Offset{40});
  CHECK(it.replica->fetch_position()->last_fetched_epoch == kNoLeaderEpoch);
  REQUIRE(it.take(40, 3).has_value());
}

TEST_CASE("a follower that has to sync tells when it has", "[replica]") {
  Replica it{{.leader = kOther}, 1, Durability::fsync};
  REQUIRE(it.take(0, 3, 0, 3).has_value());
  it.syncer.stop();
  CHECK(it.told.synced == 1);
  CHECK(it.replica->log().synced_end_offset() == Offset{3});
}

TEST_CASE("producers' sequences are known to a follower, up to where its log was cut", "[replica]") {
  Replica it{{.leader = kOther, .leader_epoch = 4}};
  const auto take = [&](int base, int sequence, int epoch) {
    record::BatchOptions options;
    options.base_offset = Offset{base};
    options.partition_leader_epoch = LeaderEpoch{epoch};
    options.producer_id = ProducerId{77};
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = sequence;
    const auto bytes = test::batch_of(1, 10, options);
    REQUIRE(it.replica->take_fetched(*it.replica->fetch_position(), {.batches = bytes}, test::kSomeTime).has_value());
  };
  const auto produce = [&](int sequence) {
    record::BatchOptions options;
    options.producer_id = ProducerId{77};
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = sequence;
    auto bytes = test::batch_of(1, 10, options);
    return it.replica->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
  };
  take(0, 0, 3);
  take(1, 1, 4);
  SECTION("a repeat is known when it leads") {
    it.apply({.leader_epoch = 5});
    const auto repeat = produce(1);
    REQUIRE(repeat.has_value());
    CHECK(repeat->duplicate);
    CHECK(repeat->base_offset == Offset{1});
  }
  SECTION("what was cut is none") {
    REQUIRE(it.diverge(3, 1).has_value());
    it.apply({.leader_epoch = 5});
    const auto anew = produce(1);
    REQUIRE(anew.has_value());
    CHECK_FALSE(anew->duplicate);
    CHECK(produce(3).error() == storage::Errc::out_of_order_sequence);
  }
}

}  // namespace sluice::broker::replication
