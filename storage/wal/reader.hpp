#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/physical_log.hpp"

namespace sluice::storage::wal {

/// Walks physical logs one after the other, a slice of whole batches at a time.
struct Reader::State {
  struct Source {
    const PhysicalLog* log;
    PhysicalLog::Range range;
  };

  std::vector<Source> sources;
  std::size_t current = 0;   // source that is being read
  std::optional<Unit> unit;  // only its entries, within `wanted`
  SequenceRange wanted;
  std::vector<UnitSummary> deleted;  // of all units: ascending, those with a mark

  std::vector<std::byte> buffer;
  record::BatchWalker batches{ByteView{}};
  std::optional<BatchDecoder> decoder;  // of a batch in the buffer

  Result<std::optional<Entry>> next();

 private:
  bool wants(const Item& item) const;
  Result<bool> next_batch();
  Result<bool> next_slice();
};

}  // namespace sluice::storage::wal
