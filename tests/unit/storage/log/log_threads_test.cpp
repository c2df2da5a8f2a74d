#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/log_harness.hpp"

namespace sluice::storage {
namespace {

TEST_CASE("readers and syncs beside appends, rolls and deletions see only whole batches in order", "[log][threads]") {
  test::LogHarness h;
  h.options.segment_bytes = 4000;
  auto& log = h.open();
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};

  const auto read = [&] {
    test::Bytes bytes;
    auto from = Offset{0};
    while (!done.load() || from < log.log_end_offset()) {
      const auto slice = log.read(from, 1500, log.log_end_offset(), true);
      if (!slice) {  // only a deletion may be the reason
        if (from >= log.log_start_offset()) ++failures;
        from = std::max(from, log.log_start_offset());
        continue;
      }
      bytes.resize(slice->size);
      if (!slice->read(bytes)) ++failures;
      record::BatchWalker walker{bytes};
      while (const auto batch = walker.next()) {
        if (batch->last_offset() < from || batch->base_offset() > from || !batch->crc_matches()) ++failures;
        from = batch->next_offset();
      }
      if (!walker.rest().empty() || from != slice->next_offset) ++failures;
    }
  };
  const auto sync = [&] {
    while (!done.load()) {
      if (const auto synced = log.sync(); !synced || *synced > log.log_end_offset()) ++failures;
    }
  };
  std::thread first{read};
  std::thread second{read};
  std::thread syncer{sync};
  auto bytes = test::batch_of(2, 60);
  for (int i = 0; i < 1500; ++i) {
    if (!log.append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, h.now)) ++failures;
    if (i % 400 == 399 && !log.advance_log_start(log.log_end_offset() - 300)) ++failures;
  }
  done = true;
  first.join();
  second.join();
  syncer.join();
  CHECK(failures == 0);
  CHECK(log.log_end_offset() == Offset{3000});
}

}  // namespace
}  // namespace sluice::storage
