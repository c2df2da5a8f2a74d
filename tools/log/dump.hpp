#pragma once

#include <string>

#include "storage/fs/file_system.hpp"
#include "tools/cli/failure.hpp"
#include "tools/log/log_item.hpp"

namespace sluice::tools {

struct DumpOptions {
  bool records = false;  ///< of `.log` files: the records of each batch too
};

/// Reads one file of a data directory, by the kind that its name tells: `.log`, `.index`, `.timeindex`, `.txnindex`,
/// `.snapshot`, checkpoints, `partition.metadata`, `meta.properties`. What comes before damage is given to `sink`; the
/// failure then names the place.
Outcome<> dump_file(storage::FileSystem& fs, const std::string& path, const DumpOptions& options, const ItemSink& sink);

// The kinds.
Outcome<> dump_batches(storage::FileSystem& fs, const std::string& path, const DumpOptions& options,
                       const ItemSink& sink);
Outcome<> dump_offset_index(const std::string& path, Offset base_offset, ByteView content, const ItemSink& sink);
Outcome<> dump_time_index(const std::string& path, Offset base_offset, ByteView content, const ItemSink& sink);
Outcome<> dump_transaction_index(const std::string& path, ByteView content, const ItemSink& sink);
Outcome<> dump_snapshot(const std::string& path, ByteView content, const ItemSink& sink);

/// That `path` could not be read or holds what it should not.
Failure file_failure(const std::string& path, std::error_code error);

}  // namespace sluice::tools
