#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/record/batch_view.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/integrity/damage.hpp"
#include "storage/integrity/scan_buffer.hpp"

namespace sluice::storage {

/// Where a scan begins and what its batches are held against.
struct ScanBounds {
  std::uint32_t position = 0;  ///< where a batch begins
  std::uint32_t end = 0;       ///< of the file, as far as it is written
  Offset expected{0};          ///< no batch begins below
  Offset limit{0};  ///< no batch has an offset at or above: the next segment's base, or what an index can name
  const LeaderEpochCache* epochs = nullptr;   ///< null: unknown
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  ///< of what lies before: none may be lower
};

/// Walks the batches of a `.log` file and tells sound ones from damage. The CRC covers neither base offset, length nor
/// leader epoch: these are held against the neighbours (offsets ascend, each length leads to the next header, epochs
/// never go down) and against the epochs known for the offsets.
///
/// Offsets may leave gaps, as compaction does. A batch after a gap is believed unless the one that follows it in the
/// file does not follow it in offsets or epochs; then it is the one that is out of line.
class BatchScan {
 public:
  BatchScan(const File& file, const ScanBounds& bounds);

  /// The next sound batch, valid until the next call; nullopt at the end. Errors: corrupt_batch where there is none;
  /// position() is where the damage begins and next_offset() what was expected there. Then skip_damage goes on, or
  /// nothing does.
  Result<std::optional<record::BatchView>> next();

  /// After corrupt_batch: goes to the next sound batch, where the damaged one's length leads, or the first whose own
  /// length leads to a header that follows it. The range ends with the file, and its offsets at the limit, when there
  /// is none.
  Result<DamagedRange> skip_damage();

  std::uint32_t position() const noexcept { return position_; }  ///< past the last batch returned
  Offset next_offset() const noexcept { return expected_; }      ///< the least that may follow
  std::string_view flaw() const noexcept;                        ///< after corrupt_batch: what does not hold there

 private:
  enum class Verdict { sound, no_header, wrong_offset, wrong_epoch, wrong_crc, out_of_line };

  Result<Verdict> judge(std::uint32_t position);
  Result<Verdict> judge_whole(std::uint32_t position, std::size_t size);
  Result<bool> is_out_of_line(const record::BatchView& header, std::uint32_t position);
  bool has_known_epoch(const record::BatchView& header) const;
  Result<std::optional<record::BatchView>> header_at(std::uint32_t position);
  Result<std::optional<std::uint32_t>> find_sound();
  Result<bool> is_candidate(std::uint32_t position, bool by_search, std::uint64_t& crc_budget);

  ScanBuffer buffer_;
  ScanBounds bounds_;
  std::uint32_t position_;
  Offset expected_;
  LeaderEpoch epoch_;                 // of the last sound batch
  Verdict verdict_ = Verdict::sound;  // on what next() looked at
};

}  // namespace sluice::storage
