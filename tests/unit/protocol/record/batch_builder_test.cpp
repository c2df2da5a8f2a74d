#include "protocol/record/batch_builder.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/control_record.hpp"
#include "tests/support/batches.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;

}  // namespace

TEST_CASE("a built batch's header says what was asked for", "[record]") {
  const auto bytes = test::batch({{"a", "1", Timestamp{100}}, {"b", "2", Timestamp{90}}, {"c", "3", Timestamp{120}}},
                                 {.base_offset = Offset{40},
                                  .partition_leader_epoch = LeaderEpoch{6},
                                  .producer_id = ProducerId{9},
                                  .producer_epoch = ProducerEpoch{2},
                                  .base_sequence = 11,
                                  .transactional = true});
  const auto batch = BatchView::parse(bytes);
  REQUIRE(batch);
  CHECK(batch->size() == bytes.size());
  CHECK(batch->crc_matches());
  CHECK(batch->base_offset() == Offset{40});
  CHECK(batch->last_offset() == Offset{42});
  CHECK(batch->partition_leader_epoch() == LeaderEpoch{6});
  CHECK(batch->base_timestamp() == Timestamp{100});
  CHECK(batch->max_timestamp() == Timestamp{120});
  CHECK(batch->producer_id() == ProducerId{9});
  CHECK(batch->producer_epoch() == ProducerEpoch{2});
  CHECK(batch->base_sequence() == 11);
  CHECK(batch->last_sequence() == 13);
  CHECK(batch->record_count() == 3);
  CHECK(batch->is_transactional());
  CHECK_FALSE(batch->is_control());
}

TEST_CASE("a builder leaves gaps and an end past the last record, as compaction does", "[record]") {
  BatchBuilder builder{{.base_offset = Offset{100}, .delete_horizon = Timestamp{5000}}};
  builder.append_at(Offset{103}, {.timestamp = Timestamp{4000}, .key = as_byte_view("k")});
  builder.append({.timestamp = Timestamp{4500}, .key = as_byte_view("l")});
  builder.extend_to(Offset{110});
  const auto batch = *BatchView::parse(builder.build());
  CHECK(batch.base_timestamp() == Timestamp{5000});
  CHECK(batch.max_timestamp() == Timestamp{4500});
  CHECK(batch.last_offset() == Offset{110});
  CHECK(batch.record_count() == 2);
  RecordWalker walker{batch.records(), 2};
  const auto first = **walker.next();
  CHECK(first.offset_delta == 3);
  CHECK(first.timestamp_delta == -1000);
  CHECK((**walker.next()).offset_delta == 4);
}

TEST_CASE("a batch without records keeps its last offset", "[record]") {
  const auto codec =
      GENERATE(Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
  BatchBuilder builder{{.base_offset = Offset{7}, .compression = codec}};
  builder.extend_to(Offset{9});
  const auto batch = *BatchView::parse(builder.build());
  CHECK(batch.crc_matches());
  CHECK(batch.record_count() == 0);
  CHECK(batch.last_offset() == Offset{9});
  CHECK(batch.max_timestamp() == kNoTimestamp);
}

TEST_CASE("a builder is reused", "[record]") {
  BatchBuilder builder{{.compression = Compression::lz4}};
  builder.append({.timestamp = Timestamp{1}, .value = as_byte_view("one")});
  builder.build();
  builder.reset({.base_offset = Offset{5}});
  builder.append({.timestamp = Timestamp{2}, .value = as_byte_view("two")});
  const auto view = builder.build();
  CHECK(test::Bytes(view.begin(), view.end()) ==
        test::batch({{std::nullopt, "two", Timestamp{2}}}, {.base_offset = Offset{5}}));
}

TEST_CASE("the end of a transaction is a control batch of one record", "[record]") {
  const bool committed = GENERATE(true, false);
  const EndTransactionMarker marker{committed, 77};
  const auto bytes = build_end_transaction({.base_offset = Offset{3},
                                            .producer_id = ProducerId{8},
                                            .producer_epoch = ProducerEpoch{1},
                                            .timestamp = Timestamp{10}},
                                           marker);
  const auto batch = *BatchView::parse(bytes);
  CHECK(batch.crc_matches());
  CHECK(batch.is_control());
  CHECK(batch.is_transactional());
  CHECK(batch.base_sequence() == -1);
  CHECK(batch.record_count() == 1);
  const auto record = **RecordWalker{batch.records(), 1}.next();
  CHECK(parse_control_type(*record.key) == (committed ? ControlType::commit : ControlType::abort));
  CHECK(parse_end_transaction(*record.key, *record.value) == marker);
}

TEST_CASE("control records that are cut short or unknown are not parsed", "[record]") {
  const auto key = [](int type) {
    return test::Bytes{std::byte{0}, std::byte{0}, std::byte{0}, static_cast<std::byte>(type)};
  };
  const test::Bytes value(6, std::byte{0});
  CHECK_FALSE(parse_control_type(ByteView{key(1)}.first(3)));
  CHECK_FALSE(parse_control_type(key(7)));
  CHECK(parse_control_type(key(2)) == ControlType::leader_change);
  CHECK_FALSE(parse_end_transaction(key(2), value));
  CHECK_FALSE(parse_end_transaction(key(1), ByteView{value}.first(5)));
}
