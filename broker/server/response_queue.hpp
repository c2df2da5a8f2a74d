#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "broker/server/outgoing_response.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker {

/// Puts answers, which come in any order, back into the order of their requests, as the protocol demands.
class ResponseQueue {
 public:
  using Slot = std::uint64_t;

  Slot open() {
    slots_.emplace_back();
    return first_ + slots_.size() - 1;
  }

  /// The answer for `slot`; nullopt where the protocol has none.
  void fill(Slot slot, std::optional<OutgoingResponse> response) {
    auto& held = slots_.at(static_cast<std::size_t>(slot - first_));
    SLUICE_ASSERT(!held.filled, slot);
    held.filled = true;
    held.response = std::move(response);
  }

  /// Hands every answer whose turn has come to `sink`, in order.
  template <class Sink>
  void drain(Sink&& sink) {
    for (; !slots_.empty() && slots_.front().filled; slots_.pop_front(), ++first_) {
      if (slots_.front().response) sink(std::move(*slots_.front().response));
    }
  }

  std::size_t open_count() const noexcept { return slots_.size(); }

 private:
  struct Held {
    bool filled = false;
    std::optional<OutgoingResponse> response;
  };
  std::deque<Held> slots_;
  Slot first_ = 0;  // of slots_.front()
};

}  // namespace sluice::broker
