#include <catch2/catch.hpp>
#include <set>

#include "storage/errc.hpp"
#include "tests/support/compaction_harness.hpp"

namespace sluice::storage {
namespace {

using test::batch;
using test::CompactionHarness;
using test::TestRecord;
using Texts = std::vector<std::string>;

constexpr auto kAllCodecs = {record::Compression::none, record::Compression::gzip, record::Compression::snappy,
                             record::Compression::lz4, record::Compression::zstd};

TEST_CASE("the last record of each key stays, at its offset, in batches of any codec", "[compaction]") {
  const auto codec = GENERATE(values(kAllCodecs));
  CompactionHarness h;
  h.open();
  const record::BatchOptions options{.compression = codec};
  h.append(batch({{"a", "1"}, {"b", "1"}, {"a", "2"}}, options));
  h.append(batch({{"c", "1"}, {"b", "2"}}, options));
  h.append(batch({{"b", "3"}}, options));
  h.roll();
  const auto report = h.clean();
  CHECK(h.texts() == Texts{"a=2", "c=1", "b=3"});
  const auto records = h.records();
  CHECK(records[0].offset == Offset{2});
  CHECK(records[1].offset == Offset{3});
  CHECK(records[2].offset == Offset{5});
  CHECK(report.records_before == 6);
  CHECK(report.records_after == 3);
  CHECK(report.keys == 3);
  CHECK(report.next_dirty == Offset{6});
  const auto bytes = h.read_all();
  for (record::BatchWalker walker{bytes}; const auto left = walker.next();) CHECK(left->compression() == codec);
}

TEST_CASE("the active segment is left alone, and its keys supersede nothing yet", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1"}}));
  h.append(batch({{"a", "2"}}));
  h.roll();
  h.append(batch({{"a", "3"}}));
  h.clean();
  CHECK(h.texts() == Texts{"a=2", "a=3"});
}

TEST_CASE("a batch of which nothing goes stays byte for byte, its segment the same file", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1"}, {"b", "1"}}, {.compression = record::Compression::zstd, .compression_level = 19}));
  h.append(batch({{"c", "1"}}));
  h.roll();
  const auto before = h.read_all();
  const auto report = h.clean();
  CHECK((h.read_all() == before));
  CHECK(report.bytes_written == 0);
}

TEST_CASE("records without a key, from before the topic was compacted, go as in Kafka", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1"}, {std::nullopt, "no key"}}));
  h.append(batch({{std::nullopt, "no key"}}));
  h.append(batch({{"b", "1"}}));
  h.roll();
  h.clean();
  CHECK(h.texts() == Texts{"a=1", "b=1"});
  CHECK(h.log->log_end_offset() == Offset{4});
}

TEST_CASE("what compaction emptied is passed over by readers, unless nothing else is there", "[compaction]") {
  CompactionHarness h;
  h.open();
  for (int i = 0; i < 5; ++i) {
    h.append(batch({{"a", std::to_string(i)}}));
    h.roll();
  }
  h.append(batch({{"b", "1"}}));
  h.clean();
  const auto found = h.log->read(Offset{0}, 1, h.log->log_end_offset(), true);
  const auto first = h.bytes_of(found);
  CHECK(record::BatchView::parse(first)->base_offset() == Offset{4});
  // Up to an end before that, a reader learns how far it is.
  const auto before = h.log->read(Offset{0}, 1000, Offset{3}, true);
  REQUIRE(before.has_value());
  CHECK((before->empty() || before->next_offset <= Offset{3}));
}

TEST_CASE("header fields outlive the records that go", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1", test::kSomeTime + 50}, {"b", "1", test::kSomeTime + 20}, {"a", "2", test::kSomeTime + 10}},
                 {.producer_id = ProducerId{7}, .producer_epoch = ProducerEpoch{3}, .base_sequence = 40}),
           LeaderEpoch{5});
  h.roll();
  h.clean();
  const auto bytes = h.read_all();
  const auto left = *record::BatchView::parse(bytes);
  CHECK(left.base_offset() == Offset{0});
  CHECK(left.last_offset() == Offset{2});
  CHECK(left.record_count() == 2);
  CHECK(left.partition_leader_epoch() == LeaderEpoch{5});
  CHECK(left.producer_id() == ProducerId{7});
  CHECK(left.producer_epoch() == ProducerEpoch{3});
  CHECK(left.base_sequence() == 40);
  CHECK(left.max_timestamp() == test::kSomeTime + 20);
  CHECK(h.records()[0].timestamp == test::kSomeTime + 20);
  CHECK(h.records()[1].timestamp == test::kSomeTime + 10);
}

TEST_CASE("under log append time the batch's timestamp stays that of all records", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1", test::kSomeTime + 50}, {"a", "2", test::kSomeTime + 10}},
                 {.timestamp_type = record::TimestampType::log_append_time}));
  h.roll();
  h.clean();
  const auto bytes = h.read_all();
  CHECK(record::BatchView::parse(bytes)->max_timestamp() == test::kSomeTime + 50);
  CHECK(record::BatchView::parse(bytes)->timestamp_type() == record::TimestampType::log_append_time);
}

TEST_CASE("a tombstone stays until the delete horizon that its first pass sets", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1"}, {"b", "1"}}));
  h.append(batch({{"a", std::nullopt, test::kSomeTime + 5}, {"c", "1", test::kSomeTime + 7}}));
  h.roll();
  h.clean();
  CHECK(h.texts() == Texts{"b=1", "a", "c=1"});
  const auto bytes = h.read_all();
  record::BatchWalker walker{bytes};
  CHECK((walker.next()->attributes() & record::attribute::kDeleteHorizon) == 0);
  const auto marked = *walker.next();
  CHECK((marked.attributes() & record::attribute::kDeleteHorizon) != 0);
  CHECK(marked.base_timestamp() == h.now + 1000);
  CHECK(marked.max_timestamp() == test::kSomeTime + 7);
  CHECK(h.records()[1].timestamp == test::kSomeTime + 5);
  CHECK(h.records()[2].timestamp == test::kSomeTime + 7);

  const auto pass_after = [&](int milliseconds) {
    h.now = h.now + milliseconds;
    h.append(batch({{"d", "1"}}));
    h.roll();
    h.clean();
  };
  pass_after(999);
  CHECK(h.texts() == Texts{"b=1", "a", "c=1", "d=1"});
  pass_after(1);
  CHECK(h.texts() == Texts{"b=1", "c=1", "d=1"});
  CHECK(h.records()[1].timestamp == test::kSomeTime + 7);
}

TEST_CASE("the last batch of a known producer stays, emptied", "[compaction]") {
  CompactionHarness h;
  h.open();
  const auto by = [](std::int64_t id, std::int32_t sequence) {
    return record::BatchOptions{
        .producer_id = ProducerId{id}, .producer_epoch = ProducerEpoch{0}, .base_sequence = sequence};
  };
  h.append(batch({{"a", "1"}}, by(1, 0)));
  const auto repeated = batch({{"a", "2"}, {"b", "2"}}, by(1, 1));
  const auto original = h.append(repeated);
  h.append(batch({{"a", "3"}, {"b", "3"}}, by(2, 0)));
  h.roll();
  h.clean();
  CHECK(h.texts() == Texts{"a=3", "b=3"});
  const auto content = *read_file(h.fs, "/data/t-0/00000000000000000000.log");  // readers pass over what is empty
  const test::Bytes bytes{as_byte_view(content).begin(), as_byte_view(content).end()};
  CHECK(h.base_offsets(bytes) == std::vector<Offset>{Offset{1}, Offset{3}});
  const auto emptied = *record::BatchView::parse(bytes);
  CHECK(emptied.record_count() == 0);
  CHECK(emptied.size() == record::kBatchHeaderBytes);
  CHECK(emptied.last_offset() == Offset{2});
  CHECK(emptied.last_sequence() == 2);

  // Without its snapshots the log still knows whom it has heard last.
  REQUIRE(h.log->sync().has_value());
  h.crash_and_open(CrashPolicy::lose_unsynced);
  const auto again = h.append(repeated);
  CHECK(again.duplicate);
  CHECK(again.base_offset == original.base_offset);
  CHECK(h.try_append(batch({{"a", "4"}}, by(1, 4))).error() == Errc::out_of_order_sequence);
  CHECK_FALSE(h.append(batch({{"a", "4"}}, by(1, 3))).duplicate);
}

TEST_CASE("small segments become one, and their last offset is not lost", "[compaction]") {
  CompactionHarness h;
  h.open();
  for (int i = 0; i < 10; ++i) {
    h.append(batch({{"a", std::to_string(i)}, {"b" + std::to_string(i), "1"}}));
    h.append(batch({{"a", "later"}}));
    h.roll();
  }
  h.append(batch({{"z", "1"}}));
  const auto report = h.clean();
  CHECK(report.segments_before == 10);
  CHECK(report.segments_after == 1);
  CHECK(h.log->segment_count() == 2);
  CHECK(h.texts().size() == 12);
  CHECK(h.log->log_end_offset() == Offset{31});
  CHECK(h.log->log_start_offset() == Offset{0});
  const auto again = h.close_and_open().segment_count();
  CHECK(again == 2);
  CHECK(h.texts().size() == 12);
}

TEST_CASE("a group whose last batch is emptied keeps it, so that recovery finds no gap", "[compaction]") {
  CompactionHarness h;
  h.options.segment_bytes = 200;
  h.open();
  for (int i = 0; i < 6; ++i) {
    h.append(batch({{"k" + std::to_string(i), std::string(60, 'v')}}));
    h.append(batch({{"a", std::to_string(i)}}));
    h.roll();
  }
  REQUIRE(h.log->sync().has_value());
  h.clean();
  CHECK(h.texts().size() == 7);
  h.log.reset();
  h.fs.crash(CrashPolicy::lose_unsynced);
  h.open({.recovery_point = Offset{0}});
  CHECK(h.report.tail_bytes_cut == 0);
  CHECK(h.texts().size() == 7);
  CHECK(h.log->log_end_offset() == Offset{12});
}

TEST_CASE("a map too small for all keys cleans as far as it reaches, the next pass goes on", "[compaction]") {
  CompactionHarness h;
  h.settings.map_bytes_max = 1;
  h.open();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) h.append(batch({{"k" + std::to_string(i), std::to_string(round)}}));
  }
  h.roll();
  const auto first = h.clean();
  CHECK(first.next_dirty < Offset{200});
  CHECK(first.next_dirty > Offset{0});
  CHECK(h.texts().size() == 200);
  int passes = 1;
  while (h.checkpoint < Offset{200} && passes < 50) {
    h.clean();
    ++passes;
  }
  CHECK(passes < 50);
  CHECK(h.texts().size() == 100);
  CHECK(h.texts().front() == "k0=1");
}

TEST_CASE("readers keep what they have while segments are replaced", "[compaction]") {
  CompactionHarness h;
  auto& log = h.open();
  h.append(batch({{"a", "1"}}));
  h.append(batch({{"a", "2"}}));
  h.roll();
  const auto slice = log.read(Offset{0}, 1U << 20, Offset{2}, true);
  REQUIRE(slice.has_value());
  h.clean();
  CHECK(test::records_of(test::LogHarness::bytes_of(slice)).size() == 2);
  CHECK(h.texts() == Texts{"a=2"});
  // Offsets that are gone lead to the next one.
  const auto next = log.read(Offset{0}, 1U << 20, Offset{2}, true);
  CHECK(record::BatchView::parse(test::LogHarness::bytes_of(next))->base_offset() == Offset{1});
  CHECK(log.find_timestamp(test::kSomeTime)->offset == Offset{1});
}

TEST_CASE("a damaged batch ends the pass, and nothing has changed", "[compaction]") {
  CompactionHarness h;
  h.open();
  h.append(batch({{"a", "1"}}));
  h.append(batch({{"a", "2"}}));
  h.roll();
  REQUIRE(h.log->sync().has_value());
  auto file = h.fs.open("/data/t-0/00000000000000000000.log", OpenMode::existing);
  std::byte byte{0x55};
  REQUIRE((*file)->write_at(64, ByteView{&byte, 1}).has_value());
  CHECK(h.try_clean().error() == Errc::corrupt_batch);
  CHECK_FALSE(h.log->is_offline());
  CHECK(h.log->segment_count() == 2);
  CHECK(h.log->size_bytes() == 140);
}

TEST_CASE("a full disk ends the pass, which succeeds once there is room", "[compaction]") {
  CompactionHarness h;
  h.open();
  for (int i = 0; i < 20; ++i) h.append(batch({{"a", std::string(200, 'x')}, {"b" + std::to_string(i), "1"}}));
  h.roll();
  REQUIRE(h.log->sync().has_value());
  h.fs.inject({.operation = Operation::write, .path_contains = ".cleaned", .repeat = Fault::kForever, .error = ENOSPC});
  CHECK(h.try_clean().error() == std::errc::no_space_on_device);
  CHECK_FALSE(h.log->is_offline());
  CHECK(h.records().size() == 40);
  const auto names = h.fs.list("/data/t-0");
  for (const auto& entry : *names) CHECK_FALSE(entry.name.ends_with(".cleaned"));
  h.fs.clear_faults();
  h.clean();
  CHECK(h.records().size() == 21);
}

TEST_CASE("the throttle hears of all bytes, and its error ends the pass", "[compaction]") {
  CompactionHarness h;
  h.open();
  for (int i = 0; i < 20; ++i) h.append(batch({{"a", std::string(200, 'x')}, {"b" + std::to_string(i), "1"}}));
  h.roll();
  std::uint64_t bytes = 0;
  const auto stopped = h.try_clean([&](std::uint64_t more) -> Result<> {
    bytes += more;
    if (bytes > 3000) return std::make_error_code(std::errc::operation_canceled);
    return {};
  });
  CHECK(stopped.error() == std::errc::operation_canceled);
  CHECK(h.records().size() == 40);
  bytes = 0;
  const auto report = h.try_clean([&](std::uint64_t more) -> Result<> {
    bytes += more;
    return {};
  });
  REQUIRE(report.has_value());
  CHECK(bytes > (report->bytes_read + report->bytes_written) * 9 / 10);
}

TEST_CASE("a log that lost segments under the pass keeps what it has become", "[compaction]") {
  CompactionHarness h;
  h.options.segment_bytes = 300;
  h.open();
  for (int i = 0; i < 30; ++i) h.append(batch({{"a", std::string(50, 'x')}, {"b" + std::to_string(i), "1"}}));
  h.roll();
  bool cut = false;
  const auto report = h.try_clean([&](std::uint64_t) -> Result<> {
    if (!std::exchange(cut, true)) REQUIRE(h.log->truncate_to(Offset{10}).has_value());
    return {};
  });
  CHECK_FALSE(report.has_value());
  CHECK_FALSE(h.log->is_offline());
  CHECK(h.log->log_end_offset() <= Offset{10});
  h.close_and_open();
  CHECK(h.log->log_end_offset() <= Offset{10});
}

TEST_CASE("a machine that stops at any call of a pass finds the old segments or the new ones", "[compaction]") {
  const auto policy = GENERATE(CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random);
  bool completed = false;
  for (std::uint64_t call = 1; !completed; ++call) {
    CAPTURE(call, static_cast<int>(policy));
    CompactionHarness h;
    h.options.segment_bytes = 700;
    h.open();
    for (int i = 0; i < 12; ++i) {
      h.append(batch({{"a", std::to_string(i)}, {"k" + std::to_string(i), "v"}, {"b", std::to_string(i)}}));
      if (i % 2 == 1) h.roll();
    }
    REQUIRE(h.log->sync().has_value());
    h.fs.fail_from(h.fs.calls() + call, EIO);
    completed = h.try_clean().has_value();
    h.fs.clear_faults();
    h.crash_and_open(policy, call);
    const auto left = h.texts();
    const std::set<std::string> there(left.begin(), left.end());
    CHECK(there.contains("a=11"));
    CHECK(there.contains("b=11"));
    for (int i = 0; i < 12; ++i) CHECK(there.contains("k" + std::to_string(i) + "=v"));
    CHECK(there.size() == left.size());
    CHECK(h.log->log_end_offset() == Offset{36});
    CHECK(h.log->log_start_offset() == Offset{0});
    for (const auto& entry : *h.fs.list("/data/t-0")) {
      for (const auto* suffix : {".cleaned", ".swap", ".deleted"}) CHECK_FALSE(entry.name.ends_with(suffix));
    }
    // Whatever was done already, a pass does the rest.
    h.checkpoint.reset();
    h.clean();
    CHECK(h.texts().size() == 14);
  }
}

TEST_CASE("a call that fails leaves a log that goes on, or says that it is offline", "[compaction]") {
  bool completed = false;
  int went_on = 0;
  for (std::uint64_t call = 1; !completed; ++call) {
    CAPTURE(call);
    CompactionHarness h;
    h.open();
    for (int i = 0; i < 6; ++i) {
      h.append(batch({{"a", std::to_string(i)}, {"k" + std::to_string(i), "v"}}));
      h.roll();
    }
    REQUIRE(h.log->sync().has_value());
    h.fs.fail_at(h.fs.calls() + call, EIO);
    completed = h.try_clean().has_value();
    h.fs.clear_faults();
    if (h.log->is_offline()) {
      h.crash_and_open(CrashPolicy::keep_unsynced);
    } else {
      ++went_on;
      h.append(batch({{"z", "1"}}));
    }
    h.checkpoint.reset();
    h.roll();
    h.clean();
    CHECK(h.texts().size() == (h.log->log_end_offset() == Offset{13} ? 8 : 7));
  }
  CHECK(went_on > 3);
}

}  // namespace
}  // namespace sluice::storage
