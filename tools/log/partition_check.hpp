#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/record_stream.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/integrity/damage.hpp"
#include "tools/cli/failure.hpp"

namespace sluice::tools {

/// Something that does not hold, and where.
struct Problem {
  std::string file;
  std::optional<std::int64_t> offset{};
  std::optional<std::uint64_t> position{};
  std::string what;
};

struct CheckResult {
  std::uint64_t partitions = 0;
  std::uint64_t segments = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;            ///< of `.log` files
  std::uint64_t missing_offsets = 0;  ///< between batches, as compaction leaves them: no problem
  std::vector<Problem> problems{};
};

/// Checks one partition's directory without changing it: every batch's CRC and records, offsets, lengths and leader
/// epochs against the neighbours and the epoch checkpoint, offsets that ascend from file to file, index entries against
/// the batches they name, time index entries against their timestamps, and the checkpoints. A partition that is written
/// meanwhile may show a torn end.
class PartitionCheck {
 public:
  using OnBytes = std::function<void(std::uint64_t)>;

  PartitionCheck(storage::FileSystem& fs, std::string directory, CheckResult& result, OnBytes on_bytes)
      : fs_(fs), directory_(std::move(directory)), result_(result), on_bytes_(std::move(on_bytes)) {}

  /// Fails only when the directory can't be listed; what can't be read in it is a problem like others.
  Outcome<> run();

 private:
  /// What the indexes of a segment are held against.
  struct Batch {
    std::uint32_t position;
    Offset last_offset;
    Timestamp max_timestamp;
  };

  void check_log(Offset base_offset, std::optional<Offset> next_base);
  bool pass_damage(const std::string& path, storage::BatchScan& scan);
  void check_batch(const std::string& path, const record::BatchView& batch, std::uint32_t position);
  void check_records(const std::string& path, const record::BatchView& batch, std::uint32_t position);
  void check_offset_index(Offset base_offset);
  void check_time_index(Offset base_offset);
  void check_transaction_index(Offset base_offset);
  void check_state_file(const std::string& name);
  void report(std::string file, std::string what, std::optional<std::int64_t> offset = {},
              std::optional<std::uint64_t> position = {});

  storage::FileSystem& fs_;
  std::string directory_;
  CheckResult& result_;
  OnBytes on_bytes_;
  record::RecordStream stream_;
  storage::LeaderEpochCache epochs_;  // as the partition's checkpoint has them
  std::vector<Batch> batches_;        // the sound ones of the segment being checked
  storage::DamageList damage_;        // of the same segment
  Offset next_offset_{0};             // the smallest that may follow
};

/// A partition's directory, or a data directory with all of its partitions and its own files.
Outcome<CheckResult> check_directory(storage::FileSystem& fs, const std::string& directory,
                                     const PartitionCheck::OnBytes& on_bytes);

/// Of all `.log` files that check_directory would read.
Outcome<std::uint64_t> bytes_to_check(storage::FileSystem& fs, const std::string& directory);

}  // namespace sluice::tools
