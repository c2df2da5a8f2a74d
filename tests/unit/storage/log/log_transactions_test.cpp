#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "storage/segment/segment_name.hpp"
#include "tests/support/log_harness.hpp"

// Transactions in a log: what is stable, what is aborted, and where that is written down.

namespace sluice::storage {
namespace {

struct TransactionHarness : test::LogHarness {
  std::int32_t next_sequence[4]{};

  TransactionHarness() { open(); }

  Offset write(std::int64_t producer, int records = 1) {
    auto& sequence = next_sequence[producer];
    const auto base = append(test::batch_of(records, 20,
                                            {.producer_id = ProducerId{producer},
                                             .producer_epoch = ProducerEpoch{0},
                                             .base_sequence = sequence,
                                             .transactional = true}))
                          .base_offset;
    sequence += records;
    return base;
  }
  test::Bytes marker(std::int64_t producer, bool committed) const {
    return record::build_end_transaction(
        {.producer_id = ProducerId{producer}, .producer_epoch = ProducerEpoch{0}, .timestamp = now}, {committed, 0});
  }
  Offset end(std::int64_t producer, bool committed) { return append(marker(producer, committed)).base_offset; }
  Offset commit(std::int64_t producer) { return end(producer, true); }
  Offset abort(std::int64_t producer) { return end(producer, false); }

  std::vector<AbortedTransaction> aborted(std::int64_t from = 0, std::int64_t to = 1'000'000) const {
    const auto found = log->aborted_transactions(Offset{from}, Offset{to});
    REQUIRE(found.has_value());
    return *found;
  }
  Offset stable() const { return log->last_stable_offset(log->log_end_offset()); }
  std::string index_path(std::int64_t base_offset) const {
    return segment_path("/data/t-0", Offset{base_offset}, suffix::kTransactionIndex);
  }
  void roll() { REQUIRE(log->roll(now).has_value()); }
};

AbortedTransaction aborted(std::int64_t producer, std::int64_t first, std::int64_t last, std::int64_t stable) {
  return {ProducerId{producer}, Offset{first}, Offset{last}, Offset{stable}};
}

TEST_CASE("reading committed records ends where the oldest undecided transaction begins", "[log][transactions]") {
  TransactionHarness h;
  h.append(test::batch_of(5, 20));
  CHECK(h.stable() == Offset{5});
  h.write(1, 2);  // 5
  h.write(2, 2);  // 7
  CHECK(h.stable() == Offset{5});
  CHECK(h.log->last_stable_offset(Offset{4}) == Offset{4});
  const auto first_marker = h.commit(1);
  CHECK(h.log->last_stable_offset(first_marker) == Offset{5});  // its marker is not replicated
  CHECK(h.stable() == Offset{7});
  h.abort(2);
  CHECK(h.stable() == h.log->log_end_offset());

  SECTION("but never before the log start") {
    h.write(1, 4);
    REQUIRE(h.log->advance_log_start(h.log->log_end_offset() - 1).has_value());
    CHECK(h.stable() == h.log->log_start_offset());
  }
}

TEST_CASE("only a segment with an abort marker has a transaction index", "[log][transactions]") {
  TransactionHarness h;
  h.write(1);
  h.commit(1);
  h.write(1);
  h.roll();
  CHECK_FALSE(*h.fs.exists(h.index_path(0)));
  h.abort(1);
  CHECK(*h.fs.exists(h.index_path(3)));
  CHECK(h.aborted() == std::vector{aborted(1, 2, 3, 4)});
  CHECK(h.aborted(0, 2).empty());
  CHECK(h.aborted(2, 3).size() == 1);
  CHECK(h.aborted(4, 9).empty());
}

TEST_CASE("aborted transactions are found in later segments and come by their first offsets", "[log][transactions]") {
  TransactionHarness h;
  h.write(1);  // 0
  h.write(2);  // 1
  h.write(3);  // 2
  h.roll();
  h.abort(3);  // 3
  h.roll();
  h.commit(2);  // 4
  h.roll();
  h.abort(1);  // 5
  const std::vector expected{aborted(1, 0, 5, 6), aborted(3, 2, 3, 0)};
  CHECK(h.aborted(0, 3) == expected);
  CHECK(h.aborted(4, 6) == std::vector{expected[0]});

  SECTION("after a clean stop") {
    h.close_and_open();
    CHECK_FALSE(h.report.scanned);
    CHECK(h.aborted() == expected);
  }
  SECTION("after a crash that kept what was synced") {
    REQUIRE(h.log->sync().has_value());
    h.crash_and_open(CrashPolicy::lose_unsynced);
    CHECK(h.aborted() == expected);
    CHECK(h.stable() == Offset{6});
  }
  SECTION("as long as their markers are there") {
    REQUIRE(h.log->truncate_to(Offset{5}).has_value());
    CHECK(h.aborted() == std::vector{expected[1]});
    CHECK(h.stable() == Offset{0});
    REQUIRE(h.log->truncate_to(Offset{3}).has_value());
    CHECK(h.aborted().empty());
    h.commit(3);
    CHECK(h.aborted().empty());
  }
  SECTION("and go with their segment") {
    REQUIRE(h.log->advance_log_start(Offset{4}).has_value());
    CHECK_FALSE(*h.fs.exists(h.index_path(3)));
    CHECK(h.aborted() == std::vector{expected[0]});
  }
}

TEST_CASE("a transaction index that is damaged is made anew from the log", "[log][transactions]") {
  TransactionHarness h;
  h.write(1);
  h.roll();
  h.abort(1);
  h.write(2);
  h.abort(2);
  h.write(1);
  const std::vector expected{aborted(1, 0, 1, 2), aborted(2, 2, 3, 4)};
  const auto closed = [&] {
    const LogOpening opening{h.log->synced_end_offset(), h.log->log_start_offset(), true};
    REQUIRE(h.log->close().has_value());
    return opening;
  };
  const bool sealed = GENERATE(true, false);
  if (sealed) {
    h.roll();
    h.write(2);
  }
  const auto opening = closed();
  {
    auto file = h.fs.open(h.index_path(1), OpenMode::existing);
    REQUIRE((*file)->truncate(40).has_value());
  }
  h.open(opening);
  SECTION("for a reader") { CHECK(h.aborted() == expected); }
  SECTION("for the next abort") {
    h.abort(1);
    CHECK(h.aborted().size() == 3);
    CHECK(h.aborted(0, 4) == expected);
  }
  REQUIRE(h.log->close().has_value());
  CHECK(read_file(h.fs, h.index_path(1))->size() % TransactionIndex::kEntryBytes == 0);
}

TEST_CASE("where a segment's indexes are gone, its transaction index is not believed to have been empty",
          "[log][transactions]") {
  TransactionHarness h;
  h.write(1);
  h.abort(1);
  h.roll();
  h.write(2);
  const LogOpening opening{h.log->log_end_offset(), Offset{0}, true};
  REQUIRE(h.log->close().has_value());
  REQUIRE(h.fs.remove(h.index_path(0)).has_value());
  REQUIRE(h.fs.remove(segment_path("/data/t-0", Offset{0}, suffix::kOffsetIndex)).has_value());
  h.open(opening);
  CHECK(h.aborted() == std::vector{aborted(1, 0, 1, 2)});
}

TEST_CASE("an abort that can't be written leaves log and index as they were", "[log][transactions]") {
  TransactionHarness h;
  h.write(1);
  const auto* const failing = GENERATE(as<const char*>{}, ".txnindex", ".log");
  h.fs.inject({.operation = Operation::write, .path_contains = failing, .error = ENOSPC, .stored_bytes = 20});
  CHECK_FALSE(h.try_append(h.marker(1, false)).has_value());
  CHECK(h.log->log_end_offset() == Offset{1});
  CHECK(h.stable() == Offset{0});
  h.write(1);
  CHECK(h.aborted().empty());
  h.abort(1);
  CHECK(h.aborted() == std::vector{aborted(1, 0, 2, 3)});
  h.close_and_open();
  CHECK(h.aborted() == std::vector{aborted(1, 0, 2, 3)});
}

TEST_CASE("a follower's aborted transactions are its leader's", "[log][transactions]") {
  TransactionHarness leader;
  for (int i = 0; i < 20; ++i) {
    leader.write(1, 2);
    leader.write(2);
    leader.end(i % 2 + 1, i % 3 == 0);
    if (i % 4 == 0) leader.abort((i + 1) % 2 + 1);
  }
  TransactionHarness follower;
  REQUIRE(follower.log->append_as_follower(leader.read_all(), follower.now).has_value());
  CHECK_FALSE(follower.aborted().empty());
  CHECK(follower.aborted() == leader.aborted());
  CHECK(follower.stable() == leader.stable());
}

TEST_CASE("a repeat of any of the last five batches is known after a restart", "[log][transactions]") {
  TransactionHarness h;
  std::vector<Offset> bases;
  for (int i = 0; i < 6; ++i) bases.push_back(h.write(1, 2));
  SECTION("that was clean") { h.close_and_open(); }
  SECTION("that was not") {
    h.roll();
    REQUIRE(h.log->sync().has_value());
    h.crash_and_open(CrashPolicy::lose_unsynced);
  }
  for (int i = 1; i < 6; ++i) {
    h.next_sequence[1] = i * 2;
    CHECK(h.write(1, 2) == bases[static_cast<std::size_t>(i)]);
  }
  CHECK(h.log->log_end_offset() == Offset{12});
}

TEST_CASE("a producer that was silent for too long is forgotten by a restart", "[log][transactions]") {
  TransactionHarness h;
  h.options.producer_id_expiration_ms = std::chrono::milliseconds{1000};
  h.append(
      test::batch_of(1, 20, {.producer_id = ProducerId{1}, .producer_epoch = ProducerEpoch{0}, .base_sequence = 0}));
  h.write(2);  // open
  h.now = h.now + 5000;
  h.close_and_open();
  const auto sequence_of = [&](std::int64_t producer) {
    return h.try_append(test::batch_of(
        1, 20, {.producer_id = ProducerId{producer}, .producer_epoch = ProducerEpoch{0}, .base_sequence = 77}));
  };
  CHECK(sequence_of(1).has_value());
  CHECK(sequence_of(2).error() == Errc::out_of_order_sequence);
  CHECK(h.stable() == Offset{1});
}

}  // namespace
}  // namespace sluice::storage
