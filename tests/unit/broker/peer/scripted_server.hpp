#pragma once

#include <arpa/inet.h>
#include <cstring>
#include <future>
#include <netinet/in.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/peer/peer_connection.hpp"
#include "broker/server/io_thread.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::test {

/// A file descriptor of a socket. Operations that wait give up after some seconds.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {
    const timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Socket() { close(); }

  int fd() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// With a reset instead of an orderly end.
  void reset() {
    const linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close();
  }
  bool write(ByteView bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool read(MutableBytes bytes) const {
    while (!bytes.empty()) {
      const auto count = ::recv(fd_, bytes.data(), bytes.size(), 0);
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int fd_ = -1;
};

/// The other end of a PeerConnection: does what a test tells it to, frame by frame.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::uint16_t port = 0) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int yes = 1;
    ::setsockopt(listener_.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    const bool ready = ::bind(listener_.fd(), raw, size) == 0 && ::listen(listener_.fd(), 50) == 0 &&
                       ::getsockname(listener_.fd(), raw, &size) == 0;
    if (!ready) throw std::runtime_error{std::string{"can't listen: "} + std::strerror(errno)};
    port_ = ntohs(address.sin_port);
  }

  broker::peer::PeerAddress address() const { return {"127.0.0.1", port_}; }
  std::uint16_t port() const noexcept { return port_; }
  Socket accept() const { return Socket{::accept(listener_.fd(), nullptr, nullptr)}; }
  void stop_listening() { listener_.close(); }
  /// As that, and ends an accept() of another thread.
  void interrupt() const { ::shutdown(listener_.fd(), SHUT_RDWR); }

 private:
  Socket listener_;
  std::uint16_t port_ = 0;
};

struct RequestFrame {
  std::int16_t key = 0;
  std::int32_t id = 0;
  std::string body{};
};

/// nullopt: the connection ended, or nothing came.
inline std::optional<RequestFrame> read_request(const Socket& socket) {
  std::vector<std::byte> bytes(4);
  if (!socket.read(bytes)) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(load_be<std::int32_t>(bytes.data())));
  if (!socket.read(bytes)) return std::nullopt;
  wire::Reader reader{MutableBytes{bytes}};
  RequestFrame frame;
  frame.key = reader.int16();
  reader.int16();
  frame.id = reader.int32();
  reader.nullable_string(false);
  const auto body = reader.raw(reader.remaining());
  frame.body.assign(reinterpret_cast<const char*>(body.data()), body.size());
  return frame;
}

inline std::vector<std::byte> response_frame(std::int32_t id, std::string_view body) {
  wire::Writer writer;
  writer.int32(static_cast<std::int32_t>(4 + body.size()));
  writer.int32(id);
  writer.raw(as_byte_view(body));
  return writer.take();
}

/// Runs `work` on the io thread and waits for it.
template <class Work>
void run_on(broker::IoThread& thread, Work work) {
  std::promise<void> done;
  thread.post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace sluice::test
