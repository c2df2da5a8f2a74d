#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/negotiated_connection.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what);

/// The newest version of an API that is used: offsets go by the names of topics, not their ids.
template <class Api>
inline constexpr std::int16_t kNewest = Api::versions.max;
template <>
inline constexpr std::int16_t kNewest<protocol::OffsetCommit> = 9;
template <>
inline constexpr std::int16_t kNewest<protocol::OffsetFetch> = 9;

/// One connection of a RequestLoop, with any number of requests on their way.
class LoopConnection {
 public:
  using Handler = std::function<void(wire::Reader&)>;

  explicit LoopConnection(int socket) noexcept : socket_(socket) {}
  LoopConnection(const LoopConnection&) = delete;
  LoopConnection& operator=(const LoopConnection&) = delete;
  ~LoopConnection();

  std::size_t in_flight() const noexcept { return handlers_.size(); }

 private:
  friend class RequestLoop;

  wire::Writer begin(std::int16_t key, std::int16_t version, bool flexible);
  void finish(wire::Writer& writer, Handler handler);
  void flush();
  void receive();

  const int socket_;
  bool is_dirty_ = false;  // listed by the loop to be flushed
  std::int32_t sent_ = 0;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::size_t filled_ = 0;
  std::deque<Handler> handlers_;
};

/// Many connections to one broker in one thread, each answer given to a function. Ends the program when a connection
/// fails: a benchmark has no use for a broker that fails.
class RequestLoop {
 public:
  RequestLoop(const std::string& host, std::uint16_t port);
  ~RequestLoop();

  /// Lives as long as the loop.
  LoopConnection& connect();

  /// `answered(response)` is called from `run_until`.
  template <class Api, class Answered>
  void call(LoopConnection& connection, const typename Api::Request& request, Answered answered) {
    const auto version = version_of<Api>();
    auto writer = connection.begin(static_cast<std::int16_t>(Api::key), version, version >= Api::first_flexible);
    encode(request, version, writer);
    connection.finish(writer, [version, answered = std::move(answered)](wire::Reader& reader) mutable {
      if (version >= Api::first_flexible) reader.varint();  // of tagged fields: none
      typename Api::Response response;
      if (!decode(reader, version, response) || !reader.ok()) fail("an answer that does not parse");
      answered(response);
    });
    if (!std::exchange(connection.is_dirty_, true)) dirty_.push_back(&connection);
  }

  void at(Clock::time_point time, std::function<void()> action) { timers_.emplace(time, std::move(action)); }
  void after(std::chrono::milliseconds delay, std::function<void()> action) {
    at(Clock::now() + delay, std::move(action));
  }

  /// Works until `done()`, asked after each turn, or until `limit`; whether it is done.
  bool run_until(const std::function<bool()>& done, Clock::time_point limit);
  void run_for(std::chrono::milliseconds time) {
    run_until([] { return false; }, Clock::now() + time);
  }

 private:
  template <class Api>
  std::int16_t version_of() const {
    const auto newest = control_.version_of<Api>();
    if (!newest) fail(std::string{"the broker does not know "} + std::string{Api::name});
    return std::min(*newest, kNewest<Api>);
  }
  void turn(Clock::time_point limit);
  void fire_timers();
  void flush_dirty();

  const std::string host_;
  const std::uint16_t port_;
  client::NegotiatedConnection control_;
  const int poll_;
  std::vector<std::unique_ptr<LoopConnection>> connections_;
  std::vector<LoopConnection*> dirty_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
};

}  // namespace sluice::bench
