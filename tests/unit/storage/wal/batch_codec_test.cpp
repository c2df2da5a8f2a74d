#include "storage/wal/batch_codec.hpp"

#include <catch2/catch.hpp>

#include "tests/support/batches.hpp"
#include "tests/unit/storage/wal/wal_harness.hpp"

namespace sluice::storage::wal {
namespace {

test::Bytes some_batch() {
  const std::array two{as_byte_view("first"), as_byte_view("")};
  const std::array one{as_byte_view("other")};
  BatchEncoder encoder;
  encoder.begin(Offset{100}, Offset{90});
  encoder.add_entries(unit(1), Sequence{7}, two);
  encoder.add_entries(unit(2), Sequence{1}, one);
  encoder.add_mark(unit(1), Sequence{5});
  encoder.add_carried(unit(3), Sequence{12}, Sequence{11});
  encoder.add_synced();
  const auto bytes = encoder.build();
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("a batch says what was put into it", "[wal]") {
  const auto bytes = some_batch();
  const auto batch = record::BatchView::parse(bytes);
  CHECK(batch->base_offset() == Offset{100});
  CHECK(batch->record_count() == 6);
  BatchDecoder decoder{*batch};
  const auto next = [&] { return decoder.next().value().value(); };
  const auto first = next();
  CHECK(first.kind == RunKind::entries);
  CHECK(first.unit == unit(1));
  CHECK(first.sequence == Sequence{7});
  CHECK(first.durable_end == Offset{90});
  CHECK(as_text(first.payload) == "first");
  const auto second = next();
  CHECK(second.unit == unit(1));
  CHECK(second.sequence == Sequence{8});
  CHECK(second.payload.empty());
  CHECK(next().unit == unit(2));
  const auto mark = next();
  CHECK(mark.kind == RunKind::mark);
  CHECK(mark.sequence == Sequence{5});
  const auto carried = next();
  CHECK(carried.kind == RunKind::carried);
  CHECK(carried.sequence == Sequence{12});
  CHECK(carried.deleted_up_to == Sequence{11});
  CHECK(next().kind == RunKind::synced);
  CHECK_FALSE(decoder.next().value().has_value());
}

// With a CRC that is right: what a hostile file may hold.
TEST_CASE("no byte of a batch can make its decoder read past it", "[wal]") {
  const auto sound = some_batch();
  for (auto at = record::at::kAttributes; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bytes = sound;
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      auto batch = record::MutableBatch::parse(bytes);
      batch->seal();
      BatchDecoder decoder{*batch};
      int items = 0;
      while (items <= 6) {
        const auto item = decoder.next();
        if (!item || !*item) break;
        ++items;
        const auto payload = (*item)->payload;
        CHECK((payload.empty() ||
               (payload.data() >= bytes.data() && payload.data() + payload.size() <= bytes.data() + bytes.size())));
      }
      CHECK(items <= 6);
    }
  }
}

}  // namespace
}  // namespace sluice::storage::wal
