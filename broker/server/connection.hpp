#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "broker/server/io_thread.hpp"
#include "broker/server/receive_buffer.hpp"
#include "broker/server/request_context.hpp"
#include "broker/server/request_memory.hpp"
#include "broker/server/response_queue.hpp"
#include "broker/server/socket_writer.hpp"

namespace sluice::broker {

/// What connections need from the server they belong to.
struct ConnectionLimits {
  std::size_t frame_bytes_max;
  std::chrono::milliseconds idle_max;
  std::size_t open_requests_max = 256;  ///< read but not answered; further ones wait in the socket
};

/// One client connection: frames in, requests started as they arrive, responses out in the order of the requests.
///
/// Threading: lives on one io thread; only `complete`, called through a ResponseSink, comes from elsewhere.
/// Owned by its pending operations and unanswered requests; the server keeps a weak reference to stop it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  Connection(Socket socket, IoThread& thread, Services& services, RequestMemory& memory, const ConnectionLimits& limits,
             ConnectionInfo info, std::function<void()> on_closed);
  ~Connection();

  void start();
  /// Reads no further request; closes once those read are answered and sent.
  void finish();
  void close(const char* reason);

  /// The answer for a request, or nullopt where it has none. On any thread.
  void complete(ResponseQueue::Slot slot, std::optional<OutgoingResponse> response);
  void abandon(ResponseQueue::Slot slot);

  std::vector<std::byte> take_spare_buffer();  ///< on the connection's thread only
  IoThread& thread() noexcept { return thread_; }
  ConnectionInfo& info() noexcept { return info_; }

 private:
  void read();
  void on_read(boost::system::error_code error, std::size_t count);
  void handle_frames();
  void go_on();
  void give_up_buffer();
  void handle_frame(MutableBytes frame);
  bool make_room();
  void filled(ResponseQueue::Slot slot, std::optional<OutgoingResponse> response);
  void flush();
  void wait_writable();
  void pause_writing();
  void load_cold_piece();
  void go_on_writing();
  void watch_idle();
  void shrink_when_quiet();
  void malformed(const char* what);
  /// Not while the client leaves answers unread, or what it asks for would pile up here without bound.
  bool takes_requests() const noexcept {
    return !finishing_ && !writing_ && responses_.open_count() < limits_.open_requests_max;
  }
  bool done() const noexcept { return finishing_ && responses_.open_count() == 0 && writer_.idle(); }

  Socket socket_;
  IoThread& thread_;
  Services& services_;
  RequestMemory& memory_;
  const ConnectionLimits& limits_;
  ConnectionInfo info_;
  std::function<void()> on_closed_;

  ReceiveBuffer buffer_;
  ResponseQueue responses_;
  SocketWriter writer_;
  std::unique_ptr<Timer> idle_timer_;
  std::unique_ptr<Timer> shrink_timer_;
  std::chrono::steady_clock::time_point last_activity_;
  bool reading_ = false;   // a read is under way
  bool handling_ = false;  // inside handle_frames: answers are collected and sent together
  bool writing_ = false;   // waiting for the socket to take more, for its next turn, or for records to be loaded
  bool waiting_memory_ = false;
  bool large_frame_seen_ = false;  // since the last look of the shrink timer
  bool finishing_ = false;
  bool closed_ = false;
};

}  // namespace sluice::broker
