#include "client/wire_connection.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "protocol/messages/metadata.hpp"
#include "protocol/wire/frame.hpp"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using protocol::ApiVersions;
using protocol::ApiVersionsResponse;

/// The other side of one connection, scripted by the test.
class Peer {
 public:
  Peer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Peer() {
    hang_up();
    ::close(listener_);
  }

  WireConnection connect(std::chrono::milliseconds timeout = 10s) {
    auto connection = WireConnection::open("127.0.0.1", port_, timeout);
    REQUIRE(connection.has_value());
    socket_ = ::accept(listener_, nullptr, nullptr);
    return std::move(*connection);
  }
  void hang_up() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  std::uint16_t port() const { return port_; }

  std::vector<std::byte> receive_frame() {
    std::byte prefix[4];
    REQUIRE(::recv(socket_, prefix, 4, MSG_WAITALL) == 4);
    std::vector<std::byte> frame(load_be<std::uint32_t>(prefix));
    REQUIRE(::recv(socket_, frame.data(), frame.size(), MSG_WAITALL) == static_cast<ssize_t>(frame.size()));
    return frame;
  }
  void send(ByteView bytes) {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  void answer_api_versions(std::int32_t correlation_id) {
    wire::Writer out;
    wire::begin_frame(out);
    out.int32(correlation_id);
    encode(ApiVersionsResponse{}, 0, out);
    wire::end_frame(out);
    send(out.bytes());
  }

 private:
  int listener_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("a request carries key, version, correlation id and client id", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect();
  connection.set_client_id("me");
  REQUIRE(connection.send<ApiVersions>({}, 0).has_value());
  const auto frame = peer.receive_frame();
  wire::Reader reader{ByteView{frame}};
  CHECK(reader.int16() == 18);
  CHECK(reader.int16() == 0);
  CHECK(reader.int32() == 1);
  CHECK(reader.nullable_string(false) == "me");
  CHECK(reader.remaining() == 0);
}

TEST_CASE("answers are matched with requests in their order", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect();
  REQUIRE(connection.send<ApiVersions>({}, 0).has_value());
  REQUIRE(connection.send<ApiVersions>({}, 0).has_value());
  peer.answer_api_versions(1);
  CHECK(connection.receive<ApiVersions>(0).has_value());
  peer.answer_api_versions(3);
  CHECK(connection.receive<ApiVersions>(0).error() == std::errc::bad_message);
}

TEST_CASE("an answer that does not parse is a bad message", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect();
  REQUIRE(connection.send<protocol::Metadata>({}, 12).has_value());
  wire::Writer out;
  out.int32(8);
  out.int32(1);
  out.int32(-1);
  peer.send(out.bytes());
  CHECK(connection.receive<protocol::Metadata>(12).error() == std::errc::bad_message);
}

TEST_CASE("a frame of impossible size is a bad message, and nothing is allocated for it", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect();
  wire::Writer out;
  out.int32(GENERATE(-1, INT32_MAX));
  peer.send(out.bytes());
  CHECK(connection.receive_frame().error() == std::errc::bad_message);
}

TEST_CASE("a peer that hangs up is an error, also in the middle of a frame", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect();
  wire::Writer out;
  out.int32(100);
  out.int32(1);
  if (GENERATE(true, false)) peer.send(out.bytes());
  peer.hang_up();
  CHECK(connection.receive_frame().error() == std::errc::connection_reset);
}

TEST_CASE("a peer that is silent is a timeout", "[wire_connection]") {
  Peer peer;
  auto connection = peer.connect(50ms);
  CHECK(connection.receive_frame().error() == std::errc::timed_out);
}

TEST_CASE("where nobody listens there is no connection", "[wire_connection]") {
  std::uint16_t port = 0;
  {
    Peer peer;
    port = peer.port();
  }
  CHECK(WireConnection::open("127.0.0.1", port).error() == std::errc::connection_refused);
}

TEST_CASE("a connection may be moved", "[wire_connection]") {
  Peer peer;
  auto first = peer.connect();
  auto second = std::move(first);
  REQUIRE(second.send<ApiVersions>({}, 0).has_value());
  peer.receive_frame();
  peer.answer_api_versions(1);
  CHECK(second.receive<ApiVersions>(0).has_value());
}

}  // namespace sluice::client
