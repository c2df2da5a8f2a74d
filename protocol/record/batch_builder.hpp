#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/record/batch_format.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/compression/compressor.hpp"
#include "protocol/record/record.hpp"

namespace sluice::record {

/// A record to be written. An absent key or value is null, which is not the same as empty.
struct RecordInput {
  Timestamp timestamp = kNoTimestamp;
  std::optional<ByteView> key{};
  std::optional<ByteView> value{};
  std::span<const Header> headers{};
};

struct BatchOptions {
  Offset base_offset{0};
  LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
  Compression compression = Compression::none;
  std::optional<int> compression_level{};  ///< absent: Kafka's default for the codec
  TimestampType timestamp_type = TimestampType::create_time;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t base_sequence = -1;
  bool transactional = false;
  bool control = false;
  std::optional<Timestamp> delete_horizon{};  ///< KIP-534
};

/// Writes one record batch. Buffers and codec contexts are kept from one batch to the next. One thread at a time.
class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchOptions& options = {}) { reset(options); }

  /// Begins a new batch; views of the previous one end here.
  void reset(const BatchOptions& options);

  /// Appends at the offset after the last. Pre: build() was not called since reset().
  void append(const RecordInput& record) { append_at(next_offset_, record); }

  /// Appends at `offset`, leaving a gap as compaction does. Pre: `offset` >= next_offset().
  void append_at(Offset offset, const RecordInput& record);

  /// Moves the end of the batch past its last record, also of a batch left without any. Pre: `last` + 1 >=
  /// next_offset().
  void extend_to(Offset last);

  Offset next_offset() const noexcept { return next_offset_; }
  std::int32_t record_count() const noexcept { return record_count_; }
  bool empty() const noexcept { return record_count_ == 0; }
  std::size_t uncompressed_bytes() const noexcept { return plain_.size(); }  ///< header included

  /// The finished batch, CRC and all, to be changed in place by whoever appends it; lasts until the next reset().
  MutableBytes build();

 private:
  void write_header(std::byte* header, std::size_t batch_bytes) const noexcept;
  std::uint16_t attributes() const noexcept;

  BatchOptions options_;
  std::vector<std::byte> plain_;   // room for the header, then records as they come
  std::vector<std::byte> packed_;  // the same, compressed
  Compressor compressor_;
  Offset next_offset_{0};
  Timestamp base_timestamp_ = kNoTimestamp;
  Timestamp max_timestamp_ = kNoTimestamp;
  std::int32_t record_count_ = 0;
};

}  // namespace sluice::record
