#include "storage/wal/reader.hpp"

#include <algorithm>

#include "storage/errc.hpp"
#include "storage/wal/storage_error.hpp"

namespace sluice::storage::wal {
namespace {

constexpr std::size_t kSliceBytes = 256U << 10;

}  // namespace

Reader::Reader(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<std::optional<Entry>> Reader::next() { return state_->next(); }

Result<std::optional<Entry>> Reader::State::next() {
  while (true) {
    if (!decoder) {
      const auto more = next_batch();
      if (!more) return more.error();
      if (!*more) return std::optional<Entry>{};
    }
    const auto item = decoder->next();
    if (!item) return item.error();
    if (!*item) {
      decoder.reset();
      continue;
    }
    if (unit && (*item)->kind == RunKind::entries && (*item)->unit == *unit && (*item)->sequence >= wanted.end) {
      current = sources.size();  // sequences ascend: nothing that is wanted follows
      decoder.reset();
      batches = record::BatchWalker{ByteView{}};
      continue;
    }
    if (wants(**item)) return std::optional<Entry>{{(*item)->unit, (*item)->sequence, (*item)->payload}};
  }
}

bool Reader::State::wants(const Item& item) const {
  if (item.kind != RunKind::entries) return false;
  if (unit) return item.unit == *unit && item.sequence >= wanted.first;
  const auto mark =
      std::lower_bound(deleted.begin(), deleted.end(), item.unit,
                       [](const UnitSummary& summary, const Unit& sought) { return summary.unit < sought; });
  return mark == deleted.end() || mark->unit != item.unit || item.sequence > mark->deleted_up_to;
}

Result<bool> Reader::State::next_batch() {
  while (true) {
    if (const auto batch = batches.next()) {
      if (!batch->crc_matches()) return {boost::system::in_place_error, Errc::corrupt};
      decoder.emplace(*batch);
      return true;
    }
    if (!batches.rest().empty()) return {boost::system::in_place_error, Errc::corrupt};
    const auto more = next_slice();
    if (!more || !*more) return more;
  }
}

Result<bool> Reader::State::next_slice() {
  while (current < sources.size()) {
    auto& [log, range] = sources[current];
    // What was reclaimed since was deleted, and need not be shown.
    range.from = std::max(range.from, log->log().log_start_offset());
    if (range.from >= range.end) {
      ++current;
      continue;
    }
    const auto slice = log->log().read(range.from, kSliceBytes, range.end, true);
    if (!slice && range.from < log->log().log_start_offset()) continue;
    if (!slice) return {boost::system::in_place_error, to_wal_error(slice.error())};
    if (slice->empty()) return {boost::system::in_place_error, Errc::corrupt};
    buffer.resize(slice->size);
    if (const auto read = slice->read(buffer); !read)
      return {boost::system::in_place_error, to_wal_error(read.error())};
    batches = record::BatchWalker{buffer};
    range.from = slice->next_offset;
    return true;
  }
  return false;
}

}  // namespace sluice::storage::wal
