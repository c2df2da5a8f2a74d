#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "broker/server/outgoing_response.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker {

/// Sends responses in order over a non-blocking socket: memory by gathered writes, file ranges by sendfile.
///
/// Whoever adds a response sees to it that its slices are in memory. Slices that have to wait for the socket may have
/// left it when their turn comes: then it is asked, and the caller has them loaded.
class SocketWriter {
 public:
  enum class Progress {
    drained,
    blocked,  ///< the socket takes no more for now
    paused,   ///< enough for one turn: call again when others had theirs
    cold      ///< what comes next is not in memory: have cold_piece() loaded, call piece_loaded(), then send()
  };

  /// `asks_cache`: else the thread that sends waits for the disk where it must.
  explicit SocketWriter(bool asks_cache) : asks_cache_(asks_cache) {}

  void add(OutgoingResponse response) {
    queued_bytes_ += response.bytes.size();
    queue_.push_back(std::move(response));
  }
  /// Memory held by responses that are not out; the slices lie in files.
  std::size_t queued_bytes() const noexcept { return queued_bytes_; }
  bool idle() const noexcept { return queue_.empty(); }

  /// Sends what the socket takes, up to a turn's worth. `blocked`: call again when it is writable.
  Result<Progress> send(int socket);

  storage::LogSlice cold_piece() const;
  void piece_loaded() noexcept;

  /// Buffers of responses that are out, for reuse.
  std::vector<std::byte> take_spare();

 private:
  /// What comes next of the front response: a run of bytes, or one slice.
  struct Cursor {
    std::size_t byte = 0;   // of `bytes`: everything before it is sent
    std::size_t slice = 0;  // index of the next slice, or the one being sent
    std::size_t slice_sent = 0;
    std::size_t slice_cached = 0;  // bytes of the slice that were found or brought into memory since it had to wait
  };

  Result<Progress> send_bytes(int socket);
  Result<Progress> send_slice(int socket, std::size_t& turn_left);
  Result<Progress> send_copy(int socket, const storage::LogSlice& slice);
  bool at_slice() const noexcept;
  bool is_cached(std::size_t bytes);
  void next_slice();
  void advance_bytes(std::size_t count);
  void drop_finished();

  std::deque<OutgoingResponse> queue_;
  std::size_t queued_bytes_ = 0;
  Cursor cursor_;
  const bool asks_cache_;
  bool waited_ = false;  // what is queued was not sent at once
  std::vector<std::vector<std::byte>> spare_;
};

}  // namespace sluice::broker
