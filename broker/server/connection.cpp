#include "broker/server/connection.hpp"

#include <spdlog/spdlog.h>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/server/pending_response.hpp"
#include "broker/services.hpp"

namespace sluice::broker {
namespace {

constexpr std::size_t kCollectedBytesMax = 1U << 20;
constexpr auto kQuiet = std::chrono::seconds{2};  // how long a large receive block outlives the last large frame

}  // namespace

Connection::Connection(Socket socket, IoThread& thread, Services& services, RequestMemory& memory,
                       const ConnectionLimits& limits, ConnectionInfo info, std::function<void()> on_closed)
    : socket_(std::move(socket)),
      thread_(thread),
      services_(services),
      memory_(memory),
      limits_(limits),
      info_(std::move(info)),
      on_closed_(std::move(on_closed)),
      buffer_(limits.frame_bytes_max),
      writer_(services.settings.cold_read_ahead),
      last_activity_(std::chrono::steady_clock::now()) {}

Connection::~Connection() {
  memory_.release(buffer_.grown_by());
  if (on_closed_) on_closed_();
}

void Connection::start() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
  if (limits_.idle_max.count() > 0) watch_idle();
  read();
}

void Connection::finish() {
  finishing_ = true;
  if (done()) close("finished");
}

void Connection::close(const char* reason) {
  if (closed_) return;
  spdlog::debug("connection={} peer={} closed: {}", info_.id, info_.peer_host, reason);
  closed_ = true;
  idle_timer_.reset();
  shrink_timer_.reset();
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  // A request that waits, a long poll say, may keep this object for long; the connection is gone now.
  give_up_buffer();
  if (on_closed_) std::exchange(on_closed_, nullptr)();
}

void Connection::give_up_buffer() {
  if (reading_ || handling_) return;  // still pointed into
  memory_.release(buffer_.grown_by());
  buffer_.discard();
}

void Connection::malformed(const char* what) {
  services_.metrics.malformed_frames_total.add();
  spdlog::warn("closing connection={} peer={} client={}: {}", info_.id, info_.peer_host,
               info_.software_name.empty() ? "unknown" : info_.software_name, what);
  flush();  // the answers to what came before
  close(what);
}

// --- requests in ---

void Connection::read() {
  if (closed_ || reading_ || waiting_memory_ || !takes_requests()) return;  // resumed when answers leave
  const auto room = buffer_.room();
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [self = shared_from_this()](boost::system::error_code error, std::size_t count) { self->on_read(error, count); });
}

void Connection::on_read(boost::system::error_code error, std::size_t count) {
  reading_ = false;
  if (closed_) return give_up_buffer();
  if (error == boost::asio::error::operation_aborted) {  // by shrink_when_quiet
    memory_.release(buffer_.shrink());
    return read();
  }
  if (error) return close(error == boost::asio::error::eof ? "by the client" : "read failed");
  last_activity_ = std::chrono::steady_clock::now();
  buffer_.received(count);
  handle_frames();
}

void Connection::handle_frames() {
  handling_ = true;
  while (!closed_ && takes_requests()) {
    const auto next = buffer_.next();
    if (next.status == ReceiveBuffer::Status::incomplete) break;
    if (next.status == ReceiveBuffer::Status::frame) {
      handle_frame(next.payload);
      buffer_.release();
      // Many small requests may have large answers: no more of those lie here at a time than the socket is behind by.
      if (writer_.queued_bytes() > kCollectedBytesMax) flush();
    } else {
      malformed(next.status == ReceiveBuffer::Status::bad_size ? "frame size is not positive"
                                                               : "frame larger than socket.request.max.bytes");
    }
  }
  handling_ = false;
  if (closed_) return give_up_buffer();
  flush();
  if (closed_ || !takes_requests() || !make_room()) return;
  // Others who wait for memory get it before this client's next large frame.
  if (memory_.contended()) memory_.release(buffer_.shrink());
  if (buffer_.grown_by() > 0) shrink_when_quiet();
  read();
}

void Connection::go_on() {
  // Frames that had to wait lie in the buffer already.
  if (!closed_ && !reading_ && !waiting_memory_) handle_frames();
}

void Connection::handle_frame(MutableBytes frame) {
  large_frame_seen_ |= frame.size() > ReceiveBuffer::kSmallest;
  try {
    if (const auto problem = start_request(*this, services_, responses_, frame)) malformed(problem);
  } catch (const std::exception& error) {  // out of memory, say: one client's request must not end the process
    spdlog::error("closing connection={} peer={}: a request failed: {}", info_.id, info_.peer_host, error.what());
    close("a request failed");
  }
}

bool Connection::make_room() {
  if (buffer_.growth_wanted() == 0) return true;
  // Who waits holds nothing, or two that want more would wait for each other, or one for itself.
  memory_.release(buffer_.retreat());
  const auto wanted = buffer_.growth_wanted();
  auto retry = [self = shared_from_this()] {  // nothing else may keep this alive: no read is under way
    self->thread_.post([self] {
      if (self->closed_) return;
      self->waiting_memory_ = false;
      self->handle_frames();
    });
  };
  if (!memory_.acquire(wanted, std::move(retry))) {
    waiting_memory_ = true;
    return false;
  }
  buffer_.grow();
  large_frame_seen_ = true;
  return true;
}

void Connection::shrink_when_quiet() {
  if (shrink_timer_) return;
  shrink_timer_ = thread_.after(kQuiet, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const auto timer = std::move(self->shrink_timer_);
    const bool quiet = !std::exchange(self->large_frame_seen_, false) && self->buffer_.empty();
    if (quiet && self->reading_ && !self->writing_) {  // cancelling would end a wait for writing too
      // The pending read points into the block, which can only be exchanged between reads: on_read does it.
      boost::system::error_code ignored;
      self->socket_.cancel(ignored);
    } else if (quiet && !self->reading_) {
      self->memory_.release(self->buffer_.shrink());
    } else {
      self->shrink_when_quiet();
    }
  });
}

// --- responses out ---

void Connection::complete(ResponseQueue::Slot slot, std::optional<OutgoingResponse> response) {
  if (thread_.is_current()) return filled(slot, std::move(response));
  thread_.post([self = shared_from_this(), slot, response = std::move(response)]() mutable {
    self->filled(slot, std::move(response));
  });
}

void Connection::filled(ResponseQueue::Slot slot, std::optional<OutgoingResponse> response) {
  responses_.fill(slot, std::move(response));
  responses_.drain([this](OutgoingResponse ready) { writer_.add(std::move(ready)); });
  if (handling_ || closed_) return;
  flush();
  go_on();
}

void Connection::abandon(ResponseQueue::Slot) {
  thread_.run_or_post([self = shared_from_this()] {
    self->flush();  // the answers to what came before
    self->close("a request could not be answered");
  });
}

void Connection::flush() {
  if (closed_ || writing_) return;
  const auto progress = writer_.send(socket_.native_handle());
  if (!progress) return close("write failed");
  switch (*progress) {
    case SocketWriter::Progress::blocked: return wait_writable();
    case SocketWriter::Progress::paused: return pause_writing();
    case SocketWriter::Progress::cold: return load_cold_piece();
    case SocketWriter::Progress::drained: break;
  }
  if (done()) close("finished");
}

void Connection::go_on_writing() {
  writing_ = false;
  last_activity_ = std::chrono::steady_clock::now();
  flush();
  go_on();
}

void Connection::pause_writing() {
  writing_ = true;
  thread_.post([self = shared_from_this()] { self->go_on_writing(); });
}

void Connection::load_cold_piece() {
  writing_ = true;
  services_.background.post([self = shared_from_this(), piece = writer_.cold_piece()]() mutable {
    const auto loaded = piece.load();
    auto& thread = self->thread_;  // where the last reference to the connection belongs
    thread.post([self = std::move(self), loaded] {
      if (!loaded) return self->close("records can't be read");
      self->writer_.piece_loaded();
      self->go_on_writing();
    });
  });
}

void Connection::wait_writable() {
  writing_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](boost::system::error_code error) {
    if (error) return self->close("write failed");
    self->go_on_writing();
  });
}

std::vector<std::byte> Connection::take_spare_buffer() { return writer_.take_spare(); }

// --- idle ---

void Connection::watch_idle() {
  using namespace std::chrono;
  const auto left = limits_.idle_max - duration_cast<milliseconds>(steady_clock::now() - last_activity_);
  if (left.count() <= 0 && responses_.open_count() == 0) return close("idle");
  idle_timer_ = thread_.after(std::max(left, milliseconds{1000}), [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->closed_) {
      const auto timer = std::move(self->idle_timer_);
      self->watch_idle();
    }
  });
}

}  // namespace sluice::broker
