#include "storage/producer/producer_state.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "storage/errc.hpp"
#include "storage/producer/producer_snapshot.hpp"
#include "tests/support/batches.hpp"

namespace sluice::storage {
namespace {

constexpr ProducerId kProducer{7};

struct Writer {
  ProducerState state;
  Offset end{0};

  static test::Bytes batch(std::int32_t sequence, int count = 1, std::int16_t epoch = 0, bool transactional = false) {
    return test::batch_of(count, 5,
                          {.producer_id = kProducer,
                           .producer_epoch = ProducerEpoch{epoch},
                           .base_sequence = sequence,
                           .transactional = transactional});
  }
  Result<std::optional<ProducerBatch>> check(const test::Bytes& bytes) const {
    return state.check(*record::BatchView::parse(bytes));
  }
  void apply(test::Bytes bytes) {
    auto batch = *record::MutableBatch::parse(bytes);
    batch.assign(end, LeaderEpoch{0});
    end = batch.next_offset();
    state.apply(batch);
  }
  void write(std::int32_t sequence, int count = 1, std::int16_t epoch = 0, bool transactional = false) {
    apply(batch(sequence, count, epoch, transactional));
  }
  void end_transaction(std::int16_t epoch) {
    apply(record::build_end_transaction(
        {.producer_id = kProducer, .producer_epoch = ProducerEpoch{epoch}, .timestamp = test::kSomeTime}, {true, 3}));
  }
};

TEST_CASE("sequences continue without a gap", "[producer]") {
  Writer writer;
  CHECK(writer.check(Writer::batch(40)).has_value());  // KIP-360: unknown here, any start will do
  writer.write(40, 3);
  CHECK(writer.check(Writer::batch(43)).has_value());
  CHECK(writer.check(Writer::batch(44)).error() == Errc::out_of_order_sequence);
  CHECK(writer.check(Writer::batch(42)).error() == Errc::out_of_order_sequence);

  SECTION("past the largest they go on from 0") {
    constexpr auto kMax = std::numeric_limits<std::int32_t>::max();
    Writer wrapping;
    wrapping.write(kMax - 1, 3);
    CHECK(wrapping.check(Writer::batch(1)).has_value());
    const auto repeat = wrapping.check(Writer::batch(kMax - 1, 3));
    REQUIRE(repeat.has_value());
    REQUIRE(repeat->has_value());
    CHECK((*repeat)->first_offset() == Offset{0});
  }
}

TEST_CASE("a repeat of the last five batches is answered with its offsets", "[producer]") {
  Writer writer;
  for (int i = 0; i < 6; ++i) writer.write(i * 2, 2);
  for (int i = 1; i < 6; ++i) {
    const auto repeat = writer.check(Writer::batch(i * 2, 2));
    REQUIRE(repeat.has_value());
    REQUIRE(repeat->has_value());
    CHECK((*repeat)->first_offset() == Offset{i * 2});
  }
  CHECK(writer.check(Writer::batch(0, 2)).error() == Errc::out_of_order_sequence);
  CHECK(writer.check(Writer::batch(10, 1)).error() == Errc::out_of_order_sequence);
}

TEST_CASE("a new epoch starts at 0 and fences the old one", "[producer]") {
  Writer writer;
  writer.write(0);
  CHECK(writer.check(Writer::batch(1, 1, 1)).error() == Errc::out_of_order_sequence);
  CHECK(writer.check(Writer::batch(0, 1, 1)).has_value());
  writer.write(0, 1, 1);
  CHECK(writer.check(Writer::batch(1, 1, 0)).error() == Errc::stale_producer_epoch);
}

TEST_CASE("a transaction is open from its first batch to its marker", "[producer]") {
  Writer writer;
  writer.write(0);
  CHECK_FALSE(writer.state.first_open_transaction());
  writer.write(1, 2, 0, true);
  writer.write(3, 2, 0, true);
  CHECK(writer.state.first_open_transaction() == Offset{1});
  writer.state.expire(test::kSomeTime + 1'000'000, std::chrono::milliseconds{1});
  CHECK_FALSE(writer.state.empty());  // kept as long as it is open
  writer.end_transaction(1);
  CHECK_FALSE(writer.state.first_open_transaction());
  CHECK(writer.check(Writer::batch(0, 1, 1)).has_value());
  CHECK(writer.check(Writer::batch(5, 1, 0)).error() == Errc::stale_producer_epoch);
  writer.state.expire(test::kSomeTime + 1'000'000, std::chrono::milliseconds{1});
  CHECK(writer.state.empty());
}

TEST_CASE("a marker tells the transaction that it ends", "[producer]") {
  Writer writer;
  const auto marker = [&](bool committed, std::int32_t coordinator_epoch) {
    auto bytes = record::build_end_transaction(
        {.producer_id = kProducer, .producer_epoch = ProducerEpoch{0}, .timestamp = test::kSomeTime},
        {committed, coordinator_epoch});
    record::MutableBatch::parse(bytes)->assign(writer.end, LeaderEpoch{0});
    return bytes;
  };
  const auto ending = [&](const test::Bytes& bytes) { return writer.state.ending(*record::BatchView::parse(bytes)); };
  CHECK_FALSE(ending(marker(false, 3)));  // of a transaction without records here
  writer.write(0, 2, 0, true);
  CHECK_FALSE(ending(Writer::batch(2, 1, 0, true)));

  SECTION("alone, everything up to the marker is stable") {
    CHECK(ending(marker(false, 3)) == EndedTransaction{kProducer, Offset{0}, Offset{2}, Offset{3}, false});
  }
  SECTION("beside an older one, only what lies before that") {
    ProducerEntry older;
    older.transaction_start = Offset{0};
    writer.state.clear();
    writer.state.restore(ProducerId{9}, older);
    writer.write(0, 2, 0, true);
    CHECK(ending(marker(true, 3)) == EndedTransaction{kProducer, Offset{2}, Offset{4}, Offset{0}, true});
  }
  SECTION("one from a coordinator that was replaced is refused") {
    writer.apply(marker(true, 3));
    CHECK(writer.check(marker(true, 2)).error() == Errc::stale_coordinator_epoch);
    CHECK(writer.check(marker(true, 3)).has_value());
  }
}

void check_damage_is_noticed(const std::vector<std::byte>& bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] ^= std::byte{1};
    CHECK(decode_producer_snapshot(damaged).error() == Errc::corrupt_checkpoint);
    CHECK(decode_producer_snapshot(ByteView{bytes}.first(at)).error() == Errc::corrupt_checkpoint);
  }
}

TEST_CASE("a snapshot brings back the last batch and the open transaction", "[producer]") {
  Writer writer;
  writer.write(0, 3, 0, true);
  const auto bytes = encode_producer_snapshot(writer.state);
  CHECK(bytes.size() == 10 + 46);
  const auto restored = decode_producer_snapshot(bytes);
  REQUIRE(restored.has_value());
  CHECK(restored->first_open_transaction() == Offset{0});
  CHECK(restored->check(*record::BatchView::parse(Writer::batch(3))).has_value());
  CHECK(restored->check(*record::BatchView::parse(Writer::batch(4))).error() == Errc::out_of_order_sequence);
  check_damage_is_noticed(bytes);
}

TEST_CASE("a snapshot brings back all five batches, behind what Kafka reads", "[producer]") {
  Writer writer;
  for (int i = 0; i < 7; ++i) writer.write(i * 2, 2);
  writer.end_transaction(0);
  const auto bytes = encode_producer_snapshot(writer.state);
  const auto restored = decode_producer_snapshot(bytes);
  REQUIRE(restored.has_value());
  for (int i = 2; i < 7; ++i) {
    const auto repeat = restored->check(*record::BatchView::parse(Writer::batch(i * 2, 2)));
    REQUIRE(repeat.has_value());
    CHECK(repeat->has_value());
  }
  CHECK(restored->check(*record::BatchView::parse(Writer::batch(2, 2))).error() == Errc::out_of_order_sequence);
  CHECK(encode_producer_snapshot(*restored) == bytes);
  check_damage_is_noticed(bytes);
}

}  // namespace
}  // namespace sluice::storage
