#include "tools/log/dump.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/checkpoint/meta_properties.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/errc.hpp"
#include "storage/index/offset_index.hpp"
#include "storage/index/time_index.hpp"
#include "storage/index/transaction_index.hpp"
#include "storage/producer/producer_snapshot.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::tools {
namespace {

// An index that is being written is followed by zeros up to its capacity.
bool is_padding(ByteView entry) {
  return std::all_of(entry.begin(), entry.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

Outcome<> whole_entries(const std::string& path, ByteView content, std::size_t entry_bytes) {
  if (content.size() % entry_bytes == 0) return {};
  return file_failure(path, storage::Errc::corrupt_index);
}

Outcome<> dump_offsets(storage::FileSystem& fs, const std::string& path, const ItemSink& sink) {
  const auto offsets = storage::read_offset_checkpoint(fs, path);
  if (!offsets) return file_failure(path, offsets.error());
  for (const auto& [partition, offset] : *offsets) {
    sink({{"topic", partition.topic}, {"partition", partition.partition.value()}, {"offset", offset.value()}});
  }
  return {};
}

Outcome<> dump_epochs(storage::FileSystem& fs, const std::string& path, const ItemSink& sink) {
  const auto epochs = storage::read_leader_epoch_checkpoint(fs, path);
  if (!epochs) return file_failure(path, epochs.error());
  for (const auto& epoch : *epochs) {
    sink({{"leader_epoch", epoch.leader_epoch.value()}, {"start_offset", epoch.start_offset.value()}});
  }
  return {};
}

Outcome<> dump_partition_metadata(storage::FileSystem& fs, const std::string& path, const ItemSink& sink) {
  const auto metadata = storage::read_partition_metadata(fs, path);
  if (!metadata) return file_failure(path, metadata.error());
  sink({{"topic_id", metadata->topic_id.to_string()}});
  return {};
}

Outcome<> dump_meta_properties(storage::FileSystem& fs, const std::string& path, const ItemSink& sink) {
  const auto meta = storage::read_meta_properties(fs, path);
  if (!meta) return file_failure(path, meta.error());
  sink({{"cluster_id", meta->cluster_id},
        {"node_id", meta->node_id.value()},
        {"directory_id", meta->directory_id.is_zero() ? Json{} : Json{meta->directory_id.to_string()}}});
  return {};
}

Outcome<> dump_by_base_offset(storage::FileSystem& fs, const std::string& path, const std::string& name,
                              const ItemSink& sink) {
  const auto content = storage::read_file(fs, path);
  if (!content) return file_failure(path, content.error());
  const auto bytes = as_byte_view(*content);
  using namespace storage::suffix;
  if (const auto base = storage::parse_segment_name(name, kOffsetIndex))
    return dump_offset_index(path, *base, bytes, sink);
  if (const auto base = storage::parse_segment_name(name, kTimeIndex)) return dump_time_index(path, *base, bytes, sink);
  if (storage::parse_segment_name(name, kTransactionIndex)) return dump_transaction_index(path, bytes, sink);
  if (storage::parse_segment_name(name, kProducerSnapshot)) return dump_snapshot(path, bytes, sink);
  return Failure{
      .status = ExitStatus::usage,
      .message = path + ": no kind of file that this command knows",
      .next =
          ".log, .index, .timeindex, .txnindex, .snapshot, checkpoints, partition.metadata and meta.properties "
          "are known by their names"};
}

}  // namespace

Failure file_failure(const std::string& path, std::error_code error) {
  const bool missing = error == std::errc::no_such_file_or_directory;
  return {.status = missing ? ExitStatus::not_found : ExitStatus::failed,
          .message = fmt::format("{}: {}", path, missing ? "no such file" : "cannot be read"),
          .answer = missing ? "" : error.message()};
}

Outcome<> dump_offset_index(const std::string& path, Offset base_offset, ByteView content, const ItemSink& sink) {
  constexpr auto kEntryBytes = storage::OffsetIndex::kEntryBytes;
  if (const auto whole = whole_entries(path, content, kEntryBytes); !whole) return whole;
  for (; !content.empty(); content = content.subspan(kEntryBytes)) {
    if (is_padding(content.first(kEntryBytes))) break;
    sink({{"offset", base_offset.value() + load_be<std::int32_t>(content.data())},
          {"position", load_be<std::uint32_t>(content.data() + 4)}});
  }
  return {};
}

Outcome<> dump_time_index(const std::string& path, Offset base_offset, ByteView content, const ItemSink& sink) {
  constexpr auto kEntryBytes = storage::TimeIndex::kEntryBytes;
  if (const auto whole = whole_entries(path, content, kEntryBytes); !whole) return whole;
  for (; !content.empty(); content = content.subspan(kEntryBytes)) {
    if (is_padding(content.first(kEntryBytes))) break;
    sink({{"timestamp", load_be<std::int64_t>(content.data())},
          {"offset", base_offset.value() + load_be<std::int32_t>(content.data() + 8)}});
  }
  return {};
}

Outcome<> dump_transaction_index(const std::string& path, ByteView content, const ItemSink& sink) {
  constexpr auto kEntryBytes = storage::TransactionIndex::kEntryBytes;
  if (const auto whole = whole_entries(path, content, kEntryBytes); !whole) return whole;
  for (; !content.empty(); content = content.subspan(kEntryBytes)) {
    sink({{"version", load_be<std::int16_t>(content.data())},
          {"producer_id", load_be<std::int64_t>(content.data() + 2)},
          {"first_offset", load_be<std::int64_t>(content.data() + 10)},
          {"last_offset", load_be<std::int64_t>(content.data() + 18)},
          {"last_stable_offset", load_be<std::int64_t>(content.data() + 26)}});
  }
  return {};
}

Outcome<> dump_snapshot(const std::string& path, ByteView content, const ItemSink& sink) {
  const auto state = storage::decode_producer_snapshot(content);
  if (!state) return file_failure(path, state.error());
  std::vector<std::pair<ProducerId, storage::ProducerEntry>> producers(state->producers().begin(),
                                                                       state->producers().end());
  std::sort(producers.begin(), producers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [id, producer] : producers) {
    const auto last = producer.has_batches() ? producer.last_batch() : storage::ProducerBatch{};
    sink({{"producer_id", id.value()},
          {"producer_epoch", producer.epoch.value()},
          {"last_sequence", last.last_sequence},
          {"last_offset", last.last_offset.value()},
          {"offset_delta", last.offset_delta},
          {"timestamp", producer.last_timestamp.value()},
          {"coordinator_epoch", producer.coordinator_epoch},
          {"transaction_start", producer.transaction_start.value()}});
  }
  return {};
}

Outcome<> dump_file(storage::FileSystem& fs, const std::string& path, const DumpOptions& options,
                    const ItemSink& sink) {
  const auto name = path.substr(path.find_last_of('/') + 1);
  if (storage::parse_segment_name(name, storage::suffix::kLog)) return dump_batches(fs, path, options, sink);
  static constexpr std::array kOffsetCheckpoints{storage::kRecoveryPointCheckpoint, storage::kHighWatermarkCheckpoint,
                                                 storage::kLogStartCheckpoint, storage::kCleanerCheckpoint};
  if (std::find(kOffsetCheckpoints.begin(), kOffsetCheckpoints.end(), name) != kOffsetCheckpoints.end())
    return dump_offsets(fs, path, sink);
  if (name == storage::kLeaderEpochCheckpoint) return dump_epochs(fs, path, sink);
  if (name == storage::kPartitionMetadataFile) return dump_partition_metadata(fs, path, sink);
  if (name == storage::kMetaPropertiesFile) return dump_meta_properties(fs, path, sink);
  return dump_by_base_offset(fs, path, name, sink);
}

}  // namespace sluice::tools
