#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/record/batch_view.hpp"
#include "storage/index/transaction_index.hpp"

namespace sluice::storage {

/// Tells a pass over a log, batch by batch in order, whose transaction is aborted, and which markers nobody needs.
/// Pure. Pre of all: below the last stable offset every transaction is decided.
class TransactionFilter {
 public:
  explicit TransactionFilter(const std::vector<AbortedTransaction>& aborted);

  /// A batch of data: whether it belongs to an aborted transaction.
  bool is_aborted(const record::BatchView& header);

  /// A marker: whether the pass met no batch of its transaction, so that there is nothing left to be decided by it.
  /// Others than commit and abort are always needed. `batch` is whole; an empty one decides nothing any more.
  bool is_marker_obsolete(const record::BatchView& batch);
  /// The transaction that the marker asked about last aborted, where a batch of it was met.
  const std::optional<AbortedTransaction>& just_aborted() const noexcept { return just_aborted_; }

 private:
  void begin_up_to(Offset offset);

  struct Open {
    AbortedTransaction transaction;
    bool met = false;  // a batch of it
  };

  std::multimap<Offset, AbortedTransaction> waiting_;  // by first offset
  std::unordered_map<ProducerId, Open> aborted_;
  std::unordered_set<ProducerId> committed_;  // open ones of which a batch was met
  std::optional<AbortedTransaction> just_aborted_;
};

}  // namespace sluice::storage
