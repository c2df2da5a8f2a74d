#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/record/batch_view.hpp"
#include "storage/integrity/damage.hpp"
#include "storage/segment/segment_file.hpp"

namespace sluice::storage {

/// Walks the batch headers of a `.log` file from a batch boundary, a few kilobytes a read.
class HeaderWalker {
 public:
  struct Step {
    record::BatchView header;  ///< of which only the header may be used; valid until the next call
    std::uint32_t position;

    std::uint32_t end() const noexcept { return position + static_cast<std::uint32_t>(header.size()); }
  };

  HeaderWalker(const SegmentFile& file, std::uint32_t position, std::uint32_t end, ReadMode mode = ReadMode::may_wait,
               std::shared_ptr<const DamageList> damage = nullptr) noexcept
      : file_(file), mode_(mode), damage_(std::move(damage)), position_(position), end_(end) {}

  /// The next batch; nullopt at the end. Errors: corrupt_batch when a header is unsound or its batch reaches past the
  /// end; not_cached, in that mode.
  Result<std::optional<Step>> next();

  std::uint32_t position() const noexcept { return position_; }  ///< past the last batch returned
  /// Goes back to, or on at, `position`, walking over `damage`.
  void go_on_at(std::uint32_t position, std::shared_ptr<const DamageList> damage) noexcept {
    position_ = position;
    damage_ = std::move(damage);
  }

 private:
  Result<> fill();
  void read_ahead_on_long_walks() noexcept;

  const SegmentFile& file_;
  ReadMode mode_;
  std::shared_ptr<const DamageList> damage_;  // walked over; null: none
  std::uint32_t position_;
  std::uint32_t end_;
  std::uint32_t buffer_position_ = 0;
  std::uint32_t buffer_bytes_ = 0;
  std::uint32_t fills_ = 0;
  std::uint64_t asked_until_ = 0;  // how far the file was asked to be brought into memory
  std::array<std::byte, 4096> buffer_;
};

}  // namespace sluice::storage
