#include "broker/server/socket_writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "protocol/base/assert.hpp"

namespace sluice::broker {
namespace {

constexpr std::size_t kGatheredMax = 64;
constexpr std::size_t kSpareMax = 4;
constexpr std::size_t kTurnBytes = 256 * 1024;        // of slices: about 0.1 ms to a client on the same machine
constexpr std::size_t kColdPieceBytes = 1024 * 1024;  // loaded at once: several turns
constexpr std::size_t kSpareBytesMax = 64 * 1024;

std::error_code last_error() { return {errno, std::system_category()}; }

/// Bytes taken by the socket; 0 when it is full.
Result<std::size_t> taken(ssize_t sent) {
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
  return last_error();
}

std::size_t run_end(const OutgoingResponse& response, std::size_t slice) {
  return slice < response.splices.size() ? response.splices[slice].at : response.bytes.size();
}

}  // namespace

bool SocketWriter::at_slice() const noexcept {
  const auto& front = queue_.front();
  return cursor_.slice < front.slices.size() && cursor_.byte == front.splices[cursor_.slice].at;
}

Result<SocketWriter::Progress> SocketWriter::send(int socket) {
  auto turn_left = kTurnBytes;
  while (!queue_.empty()) {
    const auto progress = at_slice() ? send_slice(socket, turn_left) : send_bytes(socket);
    if (progress && *progress == Progress::drained) continue;
    waited_ = true;
    return progress;
  }
  waited_ = false;
  return Progress::drained;
}

Result<SocketWriter::Progress> SocketWriter::send_bytes(int socket) {
  std::array<iovec, kGatheredMax> parts;
  std::size_t count = 0;
  std::size_t total = 0;
  bool slice_follows = false;
  auto cursor = cursor_;
  for (auto& response : queue_) {
    const auto end = run_end(response, cursor.slice);
    parts[count++] = {response.bytes.data() + cursor.byte, end - cursor.byte};
    total += end - cursor.byte;
    slice_follows = cursor.slice < response.slices.size();
    if (slice_follows || count == parts.size()) break;
    cursor = {};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  // MSG_MORE: the head of a fetch response travels in the packet of its first records.
  const auto sent = taken(::sendmsg(socket, &message, MSG_NOSIGNAL | (slice_follows ? MSG_MORE : 0)));
  if (!sent) return sent.error();
  advance_bytes(*sent);
  return *sent == total ? Progress::drained : Progress::blocked;
}

Result<SocketWriter::Progress> SocketWriter::send_slice(int socket, std::size_t& turn_left) {
  const auto& slice = queue_.front().slices[cursor_.slice];
  if (slice.descriptor() < 0) return send_copy(socket, slice);
  if (turn_left == 0) return Progress::paused;
  auto from = static_cast<off_t>(slice.position + cursor_.slice_sent);
  const auto part = std::min(slice.size - cursor_.slice_sent, turn_left);
  if (!is_cached(part)) return Progress::cold;
  const auto count = ::sendfile(socket, slice.descriptor(), &from, part);
  // A slice lies wholly within what was written: an end of file here means that the file was cut behind our back.
  if (count == 0) return std::make_error_code(std::errc::io_error);
  const auto sent = taken(count);
  if (!sent) return sent.error();
  cursor_.slice_sent += *sent;
  turn_left -= *sent;
  if (cursor_.slice_sent < slice.size) return *sent > 0 ? Progress::drained : Progress::blocked;
  next_slice();
  return Progress::drained;
}

bool SocketWriter::is_cached(std::size_t bytes) {
  const auto& slice = queue_.front().slices[cursor_.slice];
  const auto end = cursor_.slice_sent + bytes;
  if (!asks_cache_ || !waited_ || end <= cursor_.slice_cached) return true;
  if (!slice.is_cached(static_cast<std::uint32_t>(cursor_.slice_sent), static_cast<std::uint32_t>(bytes))) return false;
  cursor_.slice_cached = end;
  return true;
}

storage::LogSlice SocketWriter::cold_piece() const {
  auto piece = queue_.front().slices[cursor_.slice];
  piece.position += static_cast<std::uint32_t>(cursor_.slice_sent);
  piece.size = static_cast<std::uint32_t>(std::min(piece.size - cursor_.slice_sent, kColdPieceBytes));
  return piece;
}

void SocketWriter::piece_loaded() noexcept { cursor_.slice_cached = cursor_.slice_sent + cold_piece().size; }

void SocketWriter::next_slice() {
  ++cursor_.slice;
  cursor_.slice_sent = 0;
  cursor_.slice_cached = 0;
  drop_finished();
}

Result<SocketWriter::Progress> SocketWriter::send_copy(int socket, const storage::LogSlice& slice) {
  std::vector<std::byte> copy(slice.size);
  if (const auto read = slice.read(copy); !read) return read.error();
  const auto sent =
      taken(::send(socket, copy.data() + cursor_.slice_sent, copy.size() - cursor_.slice_sent, MSG_NOSIGNAL));
  if (!sent) return sent.error();
  cursor_.slice_sent += *sent;
  if (cursor_.slice_sent < slice.size) return Progress::blocked;
  next_slice();
  return Progress::drained;
}

void SocketWriter::advance_bytes(std::size_t count) {
  for (;;) {
    const auto run = run_end(queue_.front(), cursor_.slice) - cursor_.byte;
    const auto step = std::min(run, count);
    cursor_.byte += step;
    count -= step;
    if (step < run || at_slice()) break;
    drop_finished();
    if (queue_.empty() || count == 0) break;
  }
  SLUICE_ASSERT(count == 0);
}

void SocketWriter::drop_finished() {
  auto& front = queue_.front();
  if (cursor_.slice < front.slices.size() || cursor_.byte < front.bytes.size()) return;
  queued_bytes_ -= front.bytes.size();
  if (spare_.size() < kSpareMax && front.bytes.capacity() <= kSpareBytesMax) spare_.push_back(std::move(front.bytes));
  queue_.pop_front();
  cursor_ = {};
}

std::vector<std::byte> SocketWriter::take_spare() {
  if (spare_.empty()) return {};
  auto buffer = std::move(spare_.back());
  spare_.pop_back();
  buffer.clear();
  return buffer;
}

}  // namespace sluice::broker
