#include "tests/bench/group_bench/request_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/bytes.hpp"
#include "protocol/messages/request_header.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t kReceiveBytes = 4096;
constexpr std::size_t kPrefixBytes = 4;

client::NegotiatedConnection open_control(const std::string& host, std::uint16_t port) {
  auto opened = client::NegotiatedConnection::open(host, port, std::chrono::seconds{60});
  if (!opened) fail("connect: " + opened.error().message());
  return std::move(*opened);
}

int connect_socket(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) fail("no such host");
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (socket < 0 || ::connect(socket, found->ai_addr, found->ai_addrlen) != 0) fail("connect");
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::freeaddrinfo(found);
  return socket;
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "group_bench: %s\n", what.c_str());
  std::exit(1);
}

LoopConnection::~LoopConnection() { ::close(socket_); }

wire::Writer LoopConnection::begin(std::int16_t key, std::int16_t version, bool flexible) {
  protocol::RequestHeader header;
  header.request_api_key = key;
  header.request_api_version = version;
  header.correlation_id = ++sent_;
  header.client_id = "group_bench";
  wire::Writer writer;
  writer.int32(0);
  encode(header, flexible ? 2 : 1, writer);
  return writer;
}

void LoopConnection::finish(wire::Writer& writer, Handler handler) {
  store_be(writer.mutable_bytes().data(), static_cast<std::int32_t>(writer.size() - kPrefixBytes));
  const auto bytes = writer.bytes();
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  handlers_.push_back(std::move(handler));
}

/// Waits where the peer does not take it: what a benchmark sends fits the buffers of a server that keeps up.
void LoopConnection::flush() {
  for (std::size_t done = 0; done < out_.size();) {
    const auto count = ::send(socket_, out_.data() + done, out_.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      pollfd waited{.fd = socket_, .events = POLLOUT, .revents = 0};
      ::poll(&waited, 1, 1000);
    } else if (errno != EINTR) {
      fail("the server closed the connection");
    }
  }
  out_.clear();
}

void LoopConnection::receive() {
  if (in_.size() < filled_ + kReceiveBytes) in_.resize(filled_ + kReceiveBytes);
  const auto count = ::recv(socket_, in_.data() + filled_, in_.size() - filled_, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) fail("the server closed the connection");
  filled_ += static_cast<std::size_t>(count);
  std::size_t at = 0;
  while (filled_ - at >= kPrefixBytes) {
    const auto size = kPrefixBytes + static_cast<std::size_t>(load_be<std::int32_t>(in_.data() + at));
    if (in_.size() < size) in_.resize(size);
    if (filled_ - at < size) break;
    wire::Reader reader{MutableBytes{in_.data() + at + kPrefixBytes, size - kPrefixBytes}};
    reader.int32();  // the correlation id: answers come in order
    if (handlers_.empty()) fail("an answer to nothing");
    const auto handler = std::move(handlers_.front());
    handlers_.pop_front();
    handler(reader);
    at += size;
  }
  std::copy(in_.begin() + static_cast<std::ptrdiff_t>(at), in_.begin() + static_cast<std::ptrdiff_t>(filled_),
            in_.begin());
  filled_ -= at;
}

RequestLoop::RequestLoop(const std::string& host, std::uint16_t port)
    : host_(host), port_(port), control_(open_control(host, port)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {}

RequestLoop::~RequestLoop() { ::close(poll_); }

LoopConnection& RequestLoop::connect() {
  const int socket = connect_socket(host_, port_);
  auto& connection = *connections_.emplace_back(std::make_unique<LoopConnection>(socket));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  if (::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll");
  return connection;
}

bool RequestLoop::run_until(const std::function<bool()>& done, Clock::time_point limit) {
  while (!done()) {
    if (Clock::now() >= limit) return false;
    turn(limit);
  }
  return true;
}

void RequestLoop::turn(Clock::time_point limit) {
  flush_dirty();
  const auto wake = timers_.empty() ? limit : std::min(limit, timers_.begin()->first);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now()).count();
  std::array<epoll_event, 512> events;
  const int ready = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::clamp<long>(wait, 0, 100)));
  for (int i = 0; i < ready; ++i) {
    static_cast<LoopConnection*>(events[static_cast<std::size_t>(i)].data.ptr)->receive();
  }
  fire_timers();
}

void RequestLoop::fire_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto action = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    action();
  }
}

void RequestLoop::flush_dirty() {
  for (auto* connection : dirty_) {
    connection->is_dirty_ = false;
    connection->flush();
  }
  dirty_.clear();
}

}  // namespace sluice::bench
