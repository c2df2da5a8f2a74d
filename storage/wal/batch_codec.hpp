#pragma once

#include <cstdint>
#include <optional>

#include "protocol/record/batch_builder.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/record.hpp"
#include "storage/wal/wal.hpp"

namespace sluice::storage::wal {

/// How units and payloads lie in a record batch. A record with a key begins a run:
///
///   key: u8 kind, u8 namespace, u64 region, u64 table, u64 sequence, i64 durable end, big endian
///
/// `entries`: this record's value is the payload with that sequence; records without a key are those that follow it.
/// `mark`: deleted up to that sequence. `carried`: that is the next sequence; the value is a u64, deleted up to.
/// `synced`: nothing but the durable end: the log below that offset had been synced when the batch was written, which
/// tells recovery a torn tail from damage.
enum class RunKind : std::uint8_t { entries = 0, mark = 1, carried = 2, synced = 3 };

inline constexpr std::size_t kRunKeyBytes = 34;

/// At most what a run of `payloads` adds to a batch.
std::size_t encoded_bytes_max(std::span<const ByteView> payloads) noexcept;

inline constexpr std::size_t kCarriedBytesMax = 80;  ///< and a unit that is carried over

class BatchEncoder {
 public:
  void begin(Offset base_offset, Offset durable_end);
  void add_entries(const Unit& unit, Sequence first, std::span<const ByteView> payloads);
  void add_mark(const Unit& unit, Sequence deleted_up_to);
  void add_carried(const Unit& unit, Sequence next, Sequence deleted_up_to);
  void add_synced();

  std::size_t bytes() const noexcept { return builder_.uncompressed_bytes(); }
  ByteView build() { return builder_.build(); }  ///< until the next begin()

 private:
  void add_run(RunKind kind, const Unit& unit, Sequence sequence, std::optional<ByteView> value);

  record::BatchBuilder builder_;
  Offset durable_end_{0};
};

/// One record of a batch.
struct Item {
  RunKind kind = RunKind::entries;
  Unit unit{};
  Sequence sequence;       ///< of this entry; else as the run's key has it
  Sequence deleted_up_to;  ///< `carried`
  Offset durable_end{0};
  ByteView payload{};
};

/// Walks a batch whose CRC is right. The batch's bytes outlive the items.
class BatchDecoder {
 public:
  explicit BatchDecoder(const record::BatchView& batch) noexcept;

  /// nullopt after the last. Errors: Errc::corrupt when it is no batch of BatchEncoder's.
  Result<std::optional<Item>> next();

 private:
  bool begin_run(ByteView key);

  record::RecordWalker records_;
  bool sound_;
  bool in_run_ = false;
  Item item_;
};

}  // namespace sluice::storage::wal
