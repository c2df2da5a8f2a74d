#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "broker/server/outgoing_response.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker {

/// Sends responses in order over a non-blocking socket: memory by gathered writes, file ranges by sendfile.
class SocketWriter {
 public:
  enum class Progress { drained, blocked };  ///< blocked: the socket takes no more for now

  void add(OutgoingResponse response) {
    queued_bytes_ += response.bytes.size();
    queue_.push_back(std::move(response));
  }
  /// Memory held by responses that are not out; the slices lie in files.
  std::size_t queued_bytes() const noexcept { return queued_bytes_; }
  bool idle() const noexcept { return queue_.empty(); }

  /// Sends what the socket takes. `blocked`: call again when it is writable.
  Result<Progress> send(int socket);

  /// Buffers of responses that are out, for reuse.
  std::vector<std::byte> take_spare();

 private:
  /// What comes next of the front response: a run of bytes, or one slice.
  struct Cursor {
    std::size_t byte = 0;   // of `bytes`: everything before it is sent
    std::size_t slice = 0;  // index of the next slice, or the one being sent
    std::size_t slice_sent = 0;
  };

  Result<Progress> send_bytes(int socket);
  Result<Progress> send_slice(int socket);
  Result<Progress> send_copy(int socket, const storage::LogSlice& slice);
  bool at_slice() const noexcept;
  void advance_bytes(std::size_t count);
  void drop_finished();

  std::deque<OutgoingResponse> queue_;
  std::size_t queued_bytes_ = 0;
  Cursor cursor_;
  std::vector<std::vector<std::byte>> spare_;
};

}  // namespace sluice::broker
