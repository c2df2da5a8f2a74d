#pragma once

#include <optional>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "storage/log/log.hpp"
#include "tests/support/batches.hpp"

namespace sluice::storage {

/// What a log should hold: a list of batches, and how much of it must survive a crash.
struct LogModel {
  struct Entry {
    test::Bytes bytes;

    record::BatchView view() const { return *record::BatchView::parse(bytes); }
  };

  std::vector<Entry> batches;
  Offset floor{0};  // where the log last began anew
  Offset start{0};
  Offset end{0};
  Offset synced{0};

  void append(test::Bytes bytes) {
    batches.push_back({std::move(bytes)});
    end = batches.back().view().next_offset();
  }

  /// A batch that holds `offset` goes as a whole, and a gap before it too.
  void truncate(Offset offset) {
    if (offset >= end) return;
    while (!batches.empty() && batches.back().view().last_offset() >= offset) {
      batches.pop_back();
    }
    end = batches.empty() ? floor : std::max(floor, batches.back().view().next_offset());
    synced = std::min(synced, end);
    start = std::min(start, end);
  }

  void restart(Offset offset) {
    batches.clear();
    floor = start = end = synced = offset;
  }

  void advance_start(Offset offset) {
    start = std::max(start, offset);
    synced = std::max(synced, offset);
  }

  /// The bytes from the batch that holds `from` on, whole batches below `until`.
  test::Bytes bytes(Offset from, Offset until) const {
    test::Bytes all;
    for (const auto& entry : batches) {
      if (entry.view().last_offset() < from || entry.view().last_offset() >= until) continue;
      all.insert(all.end(), entry.bytes.begin(), entry.bytes.end());
    }
    return all;
  }

  /// First record at or after the start with a timestamp >= `target`; every record of a batch has its max timestamp.
  Offset find_timestamp(Timestamp target) const {
    for (const auto& entry : batches) {
      if (entry.view().last_offset() < start || entry.view().max_timestamp() < target) continue;
      return std::max(entry.view().base_offset(), start);
    }
    return kNoOffset;
  }
};

}  // namespace sluice::storage
