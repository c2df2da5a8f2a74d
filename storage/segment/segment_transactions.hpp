#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "storage/index/transaction_index.hpp"

namespace sluice::storage {

/// The aborted transactions of one segment. Few segments have any: to the others this is a null pointer.
///
/// A file that was found is checked when it is first used. One that does not stand the check, or is missing where it
/// may have been lost, is in doubt: whoever asks is told corrupt_index, until `replace` has brought the entries anew.
///
/// Threading: one writer (write, publish, truncate_to, replace, found, doubt); any number of readers.
class SegmentTransactions {
 public:
  SegmentTransactions() = default;
  ~SegmentTransactions() { delete held_.load(std::memory_order_relaxed); }
  SegmentTransactions(const SegmentTransactions&) = delete;
  SegmentTransactions& operator=(const SegmentTransactions&) = delete;

  /// Where the file is, or would be. Names are made only for segments that need one.
  struct Place {
    FileSystem& fs;
    const std::string& directory;
    Offset base_offset;
  };

  void found(const Place& place) { hold(place, State::unchecked); }  ///< a file is there
  void doubt(const Place& place) { hold(place, State::doubtful); }
  void expect_as(const SegmentTransactions& original, const Place& place);  ///< of a copy
  bool exist() const noexcept { return held() != nullptr; }                 ///< or may
  bool are_in_doubt() const noexcept;

  /// As TransactionIndex::write. `end`: of the segment.
  Result<> write(const Place& place, std::span<const AbortedTransaction> entries, Offset end);
  void publish() noexcept;
  Result<> truncate_to(Offset offset, Offset end);
  Result<> replace(const Place& place, std::span<const AbortedTransaction> entries);

  /// As TransactionIndex::collect. Errors: corrupt_index when in doubt.
  Result<AbortsFound> collect(Offset from, Offset to, Offset end, std::vector<AbortedTransaction>& into,
                              ReadMode mode) const;

  Result<> trim();
  Result<> sync();
  void park() noexcept;
  Result<> remove();
  Result<> rename_to(std::string path);

 private:
  enum class State { unchecked, sound, doubtful };
  struct Held {
    Held(const Place& place, State initial);

    Result<> check(Offset end);

    TransactionIndex index;
    std::mutex check_mutex;
    std::atomic<State> state;
  };

  Held* held() const noexcept { return held_.load(std::memory_order_acquire); }
  Held& hold(const Place& place, State state);

  std::atomic<Held*> held_{nullptr};  // owned; set once
};

}  // namespace sluice::storage
