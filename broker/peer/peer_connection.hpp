#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "broker/server/io_thread.hpp"
#include "protocol/base/result.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::peer {

struct PeerAddress {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const PeerAddress&) const = default;
};

/// What became of a node whose connection ended.
enum class Loss {
  unknown,  ///< nobody can say yet: it is being connected to
  alive,    ///< somebody listens there, and kept the new connection: it was restarted, or the connection was idle
  gone,     ///< nobody listens there any more: the process is gone
};

/// An outgoing connection to another node: Kafka frames, any number of requests under way, answers in order.
///
/// Connects by itself when something is to be sent, again after a while when that failed (2 ms, each time four times as
/// long, at most 1 s); what can't be sent within its time fails. Threading: all of it on the io thread that it was made
/// for; keep it in a shared_ptr. Closing fails what is under way with operation_canceled.
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  struct Options {
    PeerAddress address;
    std::string client_id;
    std::chrono::milliseconds connect_timeout{2000};
    std::size_t receive_bytes_max = 100 << 20;  ///< of one frame
    std::size_t send_bytes_max = 64 << 20;      ///< not yet sent: more is refused with no_buffer_space
  };
  /// Told on the io thread: unknown when a connection was ended by the other end or the network, then alive or gone as
  /// soon as that is known; gone also after this end gave up a silent connection.
  using OnLost = std::function<void(Loss)>;

  static std::shared_ptr<PeerConnection> make(IoThread& thread, Options options, OnLost on_lost = {});
  virtual ~PeerConnection() = default;

  /// Sends `request` in `version`. The response's bytes, and what it points to, are valid during the call of `done`
  /// only. Errors: of the system; timed_out; bad_message (the connection is closed then).
  template <class Api, class Done>
  void call(const typename Api::Request& request, std::int16_t version, std::chrono::milliseconds timeout, Done done) {
    wire::Writer writer;
    const auto id = begin_frame(writer, static_cast<std::int16_t>(Api::key), version, version >= Api::first_flexible);
    encode(request, version, writer);
    send_frame(id, writer, timeout, [version, done = std::move(done)](Result<wire::Reader*> frame) mutable {
      if (!frame) return done(Result<typename Api::Response>{frame.error()}), true;
      typename Api::Response response;
      const bool tagged = version >= Api::first_flexible;
      if (!take_response_header(**frame, tagged) || !decode(**frame, version, response) || !(*frame)->ok()) {
        done(Result<typename Api::Response>{std::make_error_code(std::errc::bad_message)});
        return false;
      }
      done(Result<typename Api::Response>{std::move(response)});
      return true;
    });
  }
  /// Sends what has no response. Dropped where it can't be sent within `timeout`.
  template <class Api>
  void tell(const typename Api::Request& request, std::int16_t version, std::chrono::milliseconds timeout) {
    wire::Writer writer;
    begin_frame(writer, static_cast<std::int16_t>(Api::key), version, version >= Api::first_flexible);
    encode(request, version, writer);
    send_one_way(writer, timeout);
  }

  virtual bool is_connected() const noexcept = 0;
  /// The node was heard of: what waits for the next attempt to connect need not wait long. Cheap, however often.
  virtual void hurry() = 0;
  virtual void close() = 0;  ///< for good

 protected:
  /// Given the frame behind its correlation id, or why there is none. False: it makes no sense, close.
  using OnFrame = std::function<bool(Result<wire::Reader*>)>;

  virtual std::int32_t begin_frame(wire::Writer& writer, std::int16_t key, std::int16_t version, bool flexible) = 0;
  virtual void send_frame(std::int32_t id, wire::Writer& writer, std::chrono::milliseconds timeout, OnFrame done) = 0;
  virtual void send_one_way(wire::Writer& writer, std::chrono::milliseconds timeout) = 0;
  static bool take_response_header(wire::Reader& reader, bool tagged);
};

}  // namespace sluice::broker::peer
