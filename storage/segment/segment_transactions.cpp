#include "storage/segment/segment_transactions.hpp"

#include "storage/errc.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {

SegmentTransactions::Held::Held(const Place& place, State initial)
    : index(place.fs, segment_path(place.directory, place.base_offset, suffix::kTransactionIndex), place.base_offset),
      state(initial) {}

Result<> SegmentTransactions::Held::check(Offset end) {
  if (state.load(std::memory_order_acquire) == State::sound) return {};
  const std::lock_guard lock{check_mutex};
  if (state.load(std::memory_order_acquire) == State::sound) return {};
  if (state.load(std::memory_order_acquire) == State::doubtful) return Errc::corrupt_index;
  const auto loaded = index.load(end);
  if (loaded) state.store(State::sound, std::memory_order_release);
  if (!loaded && loaded.error() == Errc::corrupt_index) state.store(State::doubtful, std::memory_order_release);
  return loaded;
}

SegmentTransactions::Held& SegmentTransactions::hold(const Place& place, State state) {
  auto* there = held();
  if (there == nullptr) {
    there = new Held{place, state};
    held_.store(there, std::memory_order_release);
  } else if (state == State::doubtful) {
    there->state.store(state, std::memory_order_release);
  }
  return *there;
}

void SegmentTransactions::expect_as(const SegmentTransactions& original, const Place& place) {
  if (original.exist()) hold(place, original.are_in_doubt() ? State::doubtful : State::unchecked);
}

bool SegmentTransactions::are_in_doubt() const noexcept {
  const auto* there = held();
  return there != nullptr && there->state.load(std::memory_order_acquire) == State::doubtful;
}

Result<> SegmentTransactions::write(const Place& place, std::span<const AbortedTransaction> entries, Offset end) {
  auto& there = hold(place, State::sound);
  if (const auto sound = there.check(end); !sound) return sound.error();
  return there.index.write(entries);
}

void SegmentTransactions::publish() noexcept {
  if (auto* there = held()) there->index.publish();
}

Result<> SegmentTransactions::truncate_to(Offset offset, Offset end) {
  auto* there = held();
  if (there == nullptr) return {};
  const auto sound = there->check(end);
  if (!sound) return sound.error() == Errc::corrupt_index ? Result<>{} : sound.error();
  return there->index.truncate_to(offset);
}

Result<> SegmentTransactions::replace(const Place& place, std::span<const AbortedTransaction> entries) {
  if (entries.empty() && !exist()) return {};
  auto& there = hold(place, State::doubtful);
  const std::lock_guard lock{there.check_mutex};
  if (const auto replaced = there.index.replace(entries); !replaced) return replaced.error();
  there.state.store(State::sound, std::memory_order_release);
  return {};
}

Result<AbortsFound> SegmentTransactions::collect(Offset from, Offset to, Offset end,
                                                 std::vector<AbortedTransaction>& into, ReadMode mode) const {
  auto* there = held();
  if (there == nullptr) return AbortsFound::so_far;
  if (mode == ReadMode::cached_only && there->state.load(std::memory_order_acquire) != State::sound)
    return Errc::not_cached;
  if (const auto sound = there->check(end); !sound) return sound.error();
  return there->index.collect(from, to, into, mode);
}

Result<> SegmentTransactions::trim() {
  auto* there = held();
  if (there == nullptr || there->state.load(std::memory_order_acquire) != State::sound) return {};
  return there->index.trim();
}

Result<> SegmentTransactions::sync() {
  auto* there = held();
  if (there == nullptr || there->state.load(std::memory_order_acquire) != State::sound) return {};
  return there->index.sync();
}

void SegmentTransactions::park() noexcept {
  if (auto* there = held()) there->index.park();
}

Result<> SegmentTransactions::remove() {
  auto* there = held();
  return there == nullptr ? Result<>{} : there->index.remove();
}

Result<> SegmentTransactions::rename_to(std::string path) {
  auto* there = held();
  return there == nullptr ? Result<>{} : there->index.rename_to(std::move(path));
}

}  // namespace sluice::storage
