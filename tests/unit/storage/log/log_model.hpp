#pragma once

#include <algorithm>
#include <map>
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
    bool committed = false;  // of a marker

    record::BatchView view() const { return *record::BatchView::parse(bytes); }
  };
  struct Transaction {
    ProducerId producer_id;
    Offset first_offset;
    Offset first_visible;  // first offset of its batches that reach past the start; the log's end where none does
    Offset marker = kNoOffset;
    bool committed = false;
  };

  std::vector<Entry> batches;
  Offset floor{0};  // where the log last began anew
  Offset start{0};
  Offset end{0};
  Offset synced{0};

  void append(test::Bytes bytes, bool committed = false) {
    batches.push_back({std::move(bytes), committed});
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

  /// What a crash left.
  void lose_from(Offset offset) {
    while (!batches.empty() && batches.back().view().next_offset() > offset) batches.pop_back();
    end = offset;
    if (batches.empty() || batches.back().view().next_offset() < end) floor = end;
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

  /// Every transaction with records here, by first offset.
  std::vector<Transaction> transactions() const {
    std::vector<Transaction> all;
    std::map<ProducerId, std::size_t> open;
    for (const auto& entry : batches) {
      const auto batch = entry.view();
      if (!batch.is_transactional()) continue;
      const auto known = open.find(batch.producer_id());
      if (batch.is_control()) {
        if (known == open.end()) continue;
        all[known->second].marker = batch.last_offset();
        all[known->second].committed = entry.committed;
        open.erase(known);
      } else if (known == open.end()) {
        open.emplace(batch.producer_id(), all.size());
        all.push_back({batch.producer_id(), batch.base_offset(), end});
      }
      if (!batch.is_control() && batch.last_offset() >= start) {
        auto& transaction = all[open.at(batch.producer_id())];
        transaction.first_visible = std::min(transaction.first_visible, batch.base_offset());
      }
    }
    return all;
  }

  /// The open ones, which a marker may end.
  std::vector<ProducerId> open_producers() const {
    std::vector<ProducerId> open;
    for (const auto& transaction : transactions()) {
      if (transaction.marker == kNoOffset) open.push_back(transaction.producer_id);
    }
    return open;
  }
};

}  // namespace sluice::storage
