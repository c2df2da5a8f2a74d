#include "client/wire_connection.hpp"

#include <cerrno>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

#include "protocol/messages/request_header.hpp"

namespace sluice::client {
namespace {

constexpr std::size_t kSizePrefix = 4;
constexpr std::int32_t kFrameBytesMax = 1 << 30;

std::error_code last_error() {
  // A receive timeout of the socket shows as EAGAIN.
  if (errno == EAGAIN || errno == EWOULDBLOCK) return std::make_error_code(std::errc::timed_out);
  return {errno, std::system_category()};
}

void set_timeout(int socket, std::chrono::milliseconds timeout) {
  const timeval limit{.tv_sec = timeout.count() / 1000, .tv_usec = (timeout.count() % 1000) * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

Result<WireConnection> WireConnection::open(const std::string& host, std::uint16_t port,
                                            std::chrono::milliseconds timeout) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return std::make_error_code(std::errc::host_unreachable);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned{found, ::freeaddrinfo};
  std::error_code error = std::make_error_code(std::errc::host_unreachable);
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    WireConnection connection{::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connection.socket_ < 0) return last_error();
    set_timeout(connection.socket_, timeout);
    const int on = 1;
    ::setsockopt(connection.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(connection.socket_, address->ai_addr, address->ai_addrlen) == 0) return connection;
    error = last_error();
  }
  return error;
}

WireConnection::WireConnection(WireConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      client_id_(std::move(other.client_id_)),
      sent_(other.sent_),
      answered_(other.answered_),
      received_(std::move(other.received_)) {}

WireConnection& WireConnection::operator=(WireConnection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(client_id_, other.client_id_);
  std::swap(sent_, other.sent_);
  std::swap(answered_, other.answered_);
  std::swap(received_, other.received_);
  return *this;
}

WireConnection::~WireConnection() {
  if (socket_ >= 0) ::close(socket_);
}

std::error_code WireConnection::bad_message() { return std::make_error_code(std::errc::bad_message); }

void WireConnection::begin_frame(wire::Writer& writer, std::int16_t key, std::int16_t version, bool flexible) {
  protocol::RequestHeader header;
  header.request_api_key = key;
  header.request_api_version = version;
  header.correlation_id = ++sent_;
  header.client_id = client_id_;
  writer.int32(0);
  encode(header, flexible ? 2 : 1, writer);
}

Result<> WireConnection::send_frame(wire::Writer& writer) {
  store_be(writer.mutable_bytes().data(), static_cast<std::int32_t>(writer.size() - kSizePrefix));
  return send_bytes(writer.bytes());
}

Result<> WireConnection::send_bytes(ByteView bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return last_error();
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<> WireConnection::receive_bytes(MutableBytes into) {
  while (!into.empty()) {
    const auto count = ::recv(socket_, into.data(), into.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return std::make_error_code(std::errc::connection_reset);
    into = into.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::vector<std::byte>> WireConnection::receive_frame() {
  std::byte prefix[kSizePrefix];
  if (const auto got = receive_bytes(prefix); !got) return got.error();
  const auto size = load_be<std::int32_t>(prefix);
  if (size < 0 || size > kFrameBytesMax) return bad_message();
  std::vector<std::byte> frame(static_cast<std::size_t>(size));
  if (const auto got = receive_bytes(frame); !got) return got.error();
  return frame;
}

bool WireConnection::take_header(wire::Reader& reader, bool tagged) {
  const bool ours = reader.int32() == ++answered_;
  if (!tagged) return ours && reader.ok();
  for (auto tags = reader.varint(); tags > 0 && reader.ok(); --tags) {
    reader.varint();
    reader.raw(reader.varint());
  }
  return ours && reader.ok();
}

}  // namespace sluice::client
