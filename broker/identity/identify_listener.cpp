#include "broker/identity/identify_listener.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <optional>
#include <set>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/server/listener.hpp"
#include "protocol/messages/request_header.hpp"
#include "protocol/peer/peer_apis.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::identity {
namespace {

using boost::asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::size_t kSizePrefix = 4;
constexpr std::int32_t kFrameBytesMax = 64 << 10;
constexpr int kBacklog = 50;

/// The answer's frame. nullopt: this is not asked for here.
std::optional<std::vector<std::byte>> answer(ByteView frame, const IdentifyListener::Describe& describe) {
  wire::Reader reader{frame};
  protocol::RequestHeader header;
  if (!decode(reader, 1, header) || !reader.ok()) return std::nullopt;
  if (header.request_api_key != static_cast<std::int16_t>(protocol::ClusterCall::key)) return std::nullopt;
  const auto call = peer::decode_call_request(reader.raw(reader.remaining()));
  if (!call || !std::holds_alternative<peer::IdentifyCall>(*call)) return std::nullopt;
  const auto body = peer::encode(peer::CallResponse{describe()});
  wire::Writer writer;
  writer.int32(static_cast<std::int32_t>(sizeof header.correlation_id + body.size()));
  writer.int32(header.correlation_id);
  writer.raw(as_byte_view(body));
  return writer.take();
}

/// One connection: a frame in, its answer out, and so on. Kept by the operation under way.
struct Session : std::enable_shared_from_this<Session> {
  Session(tcp::socket connected, const IdentifyListener::Describe& by) : socket(std::move(connected)), describe(by) {}

  void read_size() {
    boost::asio::async_read(socket, boost::asio::buffer(size),
                            [self = shared_from_this()](SystemError error, std::size_t) {
                              if (!error) self->read_frame();
                            });
  }
  void read_frame() {
    const auto bytes = load_be<std::int32_t>(size.data());
    if (bytes <= 0 || bytes > kFrameBytesMax) return close();
    frame.resize(static_cast<std::size_t>(bytes));
    boost::asio::async_read(socket, boost::asio::buffer(frame),
                            [self = shared_from_this()](SystemError error, std::size_t) {
                              if (!error) self->respond();
                            });
  }
  void respond() {
    auto answered = answer(frame, describe);
    if (!answered) return close();
    response = *std::move(answered);
    boost::asio::async_write(socket, boost::asio::buffer(response),
                             [self = shared_from_this()](SystemError error, std::size_t) {
                               if (!error) self->read_size();
                             });
  }
  void close() {
    SystemError ignored;
    socket.close(ignored);
  }

  tcp::socket socket;
  const IdentifyListener::Describe describe;
  std::array<std::byte, kSizePrefix> size{};
  std::vector<std::byte> frame;
  std::vector<std::byte> response;
};

}  // namespace

/// On the io thread, but for the making.
struct IdentifyListener::Parts {
  Parts(IoThread& on, Describe by) : thread(on), describe(std::move(by)) {}

  void accepted(tcp::socket socket) {
    std::erase_if(sessions, [](const std::weak_ptr<Session>& session) { return session.expired(); });
    const auto session = std::make_shared<Session>(std::move(socket), describe);
    sessions.push_back(session);
    session->read_size();
  }
  void close() {
    for (const auto& listener : listeners) listener->stop();
    for (const auto& weak : sessions) {
      if (const auto session = weak.lock()) session->close();
    }
  }

  IoThread& thread;
  const Describe describe;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::weak_ptr<Session>> sessions;
};

Result<std::unique_ptr<IdentifyListener>> IdentifyListener::open(IoThread& thread,
                                                                 const std::vector<config::Listener>& listeners,
                                                                 Describe describe) {
  auto parts = std::make_shared<Parts>(thread, std::move(describe));
  for (const auto& wanted : listeners) {
    auto listener = std::make_unique<Listener>(
        wanted.name, thread, [&thread]() -> IoThread& { return thread; },
        [raw = parts.get()](tcp::socket socket, IoThread&) { raw->accepted(std::move(socket)); });
    if (const auto opened = listener->open(wanted.host, wanted.port, kBacklog); !opened) {
      spdlog::critical("listener {}://{}:{} can't be opened: {}", wanted.name, wanted.host, wanted.port,
                       opened.error().message());
      return opened.error();
    }
    parts->listeners.push_back(std::move(listener));
  }
  for (const auto& listener : parts->listeners) listener->start();
  return std::unique_ptr<IdentifyListener>{new IdentifyListener{std::move(parts)}};
}

// The listeners' handlers may still be queued behind the closing: a second turn of the loop lets them go first.
IdentifyListener::~IdentifyListener() {
  std::promise<void> closed;
  parts_->thread.post([parts = parts_, &closed] {
    parts->close();
    parts->thread.post([parts, &closed] { closed.set_value(); });
  });
  closed.get_future().wait();
}

}  // namespace sluice::broker::identity
