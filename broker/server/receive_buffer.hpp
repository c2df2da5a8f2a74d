#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

#include "protocol/base/bytes.hpp"

namespace sluice::broker {

/// Assembles frames (int32 size, payload) from what a socket delivers, in one contiguous block that is reused.
///
/// A payload is handed out where it was received, so that records can be patched and written from there. The block
/// grows only when a frame announces more than it holds, to that frame's size, and shrinks once it was handled.
class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(std::size_t frame_bytes_max);

  /// Where the next bytes go. Small frames are read many at a time; a large one up to its end and no further, so that
  /// none of its successor has to be moved. Never empty, except while `growth_wanted`.
  MutableBytes room() noexcept;
  void received(std::size_t count) noexcept { end_ += count; }

  enum class Status { frame, incomplete, too_large, bad_size };
  struct Next {
    Status status;
    MutableBytes payload = {};  ///< valid until `release` or the next call of `room`
  };
  /// The frame at the front, if it is complete.
  Next next() noexcept;
  void release() noexcept;  ///< the frame handed out last was handled

  /// Bytes that the incomplete frame at the front needs beyond the block: to be asked of the memory budget before
  /// `grow`.
  std::size_t growth_wanted() const noexcept;
  void grow();
  /// What the block holds beyond its smallest size: what is owed to the budget.
  std::size_t grown_by() const noexcept { return capacity_ - kSmallest; }
  /// Gives the large block back when nothing is left in it; returns how many bytes that freed.
  std::size_t shrink();
  /// Gives the large block back though something is left, if the smallest holds that; returns how many bytes it freed.
  std::size_t retreat();
  void discard() noexcept;  ///< frees everything, whatever is left in it; nothing may be received after it
  bool empty() const noexcept { return begin_ == end_; }

  static constexpr std::size_t kSmallest = 32 * 1024;

 private:
  struct Free {
    void operator()(std::byte* block) const noexcept { std::free(block); }
  };

  std::size_t held() const noexcept { return end_ - begin_; }
  std::optional<std::int32_t> announced() const noexcept;  ///< the size field at the front, once it is there
  std::size_t front_frame_size() const noexcept;           ///< with its prefix; 0 while unknown
  void move_to_front() noexcept;

  std::size_t frame_bytes_max_;
  std::unique_ptr<std::byte, Free> block_;
  std::size_t capacity_ = kSmallest;
  std::size_t begin_ = 0;  // <= end_ <= capacity_
  std::size_t end_ = 0;
  std::size_t handed_ = 0;  // size of the frame handed out, with its prefix
};

}  // namespace sluice::broker
