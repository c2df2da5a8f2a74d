#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/controller/metadata_record.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_builder.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::controller {

inline constexpr std::string_view kMetadataLogDirectory = "__cluster_metadata-0";  ///< in the first log directory

/// The metadata records of a broker that is its own controller, on disk.
///
/// What is appended together is one record batch, so that a crash leaves all of it or nothing.
/// Threading: one thread at a time.
class MetadataLog {
 public:
  using Replay = std::function<void(const MetadataRecord&, Offset)>;

  /// Opens or makes the log in `directory` and replays it. A torn tail is cut: nobody was told of what it held.
  /// Damage that sound batches follow is refused: that was answered for.
  /// Pre: the directory above it is there, and durable.
  /// Errors: of storage; bad_message when a record is not one that this version understands.
  static Result<std::unique_ptr<MetadataLog>> open(storage::FileSystem& fs, const std::string& directory, Timestamp now,
                                                   const Replay& replay);

  /// Offset of the next record.
  Offset end_offset() const noexcept { return log_->log_end_offset(); }

  /// Durable when it returns. After an error the records may or may not be there at the next start.
  Result<> append(std::span<const MetadataRecord> records, Timestamp now);
  Result<> close() { return log_->close(); }

 private:
  explicit MetadataLog(storage::FileSystem& fs) : resources_(fs) {}
  Result<> replay_all(const Replay& replay) const;

  storage::LogResources resources_;
  std::unique_ptr<storage::Log> log_;
  record::BatchBuilder builder_;
  std::vector<std::byte> batch_;
};

}  // namespace sluice::broker::controller
