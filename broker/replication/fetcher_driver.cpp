#include "broker/replication/fetcher_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "broker/wall_clock.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::replication {
namespace {

constexpr std::size_t kProgressItemsMax = 4096;  // of one message
constexpr std::chrono::seconds kProgressLifetime{5};

std::chrono::milliseconds until(std::chrono::steady_clock::time_point when) {
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::max(when - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration{0}));
}

}  // namespace

FetcherDriver::FetcherDriver(IoThread& thread, BrokerId leader, const Options& options,
                             const std::atomic<std::int64_t>& broker_epoch)
    : thread_(thread), options_(options), broker_epoch_(broker_epoch), fetch_(leader, options.fetch) {}

FetcherDriver::~FetcherDriver() {
  if (connection_) connection_->close();
}

void FetcherDriver::set_address(const std::optional<peer::PeerAddress>& address) {
  if (address == address_) return;
  address_ = address;
  retry_interval_ = {};
  retry_at_.reset();
  disconnect();
}

void FetcherDriver::close() {
  closed_ = true;
  timer_.reset();
  disconnect();
}

void FetcherDriver::connect() {
  ++connection_number_;
  connection_ = peer::PeerConnection::make(thread_, {.address = *address_, .client_id = options_.client_id}, {});
}

void FetcherDriver::disconnect() {
  if (!connection_) return;
  ++connection_number_;
  std::exchange(connection_, nullptr)->close();
  fetch_.on_failure();
}

void FetcherDriver::go_on() {
  if (closed_ || !address_ || broker_epoch_.load(std::memory_order_relaxed) < 0) return;
  // An answer that is still to come says nothing of interest, and a leader that is about to end would wait for it.
  if (fetch_.size() == 0) return disconnect();
  const auto now = Clock::now();
  if (retry_at_ && *retry_at_ > now) return wake_at(*retry_at_);
  retry_at_.reset();
  const controller::BrokerEpoch broker_epoch{broker_epoch_.load(std::memory_order_relaxed)};
  while (const auto request = fetch_.next_request(broker_epoch, now)) {
    if (!connection_) connect();
    send(*request);
    if (closed_ || retry_at_) return;
  }
  tell_progress();
  if (const auto deadline = fetch_.next_deadline()) wake_at(*deadline);
}

void FetcherDriver::send(const protocol::FetchRequest& request) {
  const auto timeout = options_.response_timeout + std::chrono::milliseconds{request.max_wait_ms};
  connection_->call<protocol::Fetch>(
      request, protocol::Fetch::versions.max, timeout,
      [weak = weak_from_this(), number = connection_number_](const Result<protocol::FetchResponse>& answer) {
        const auto self = weak.lock();
        if (self && number == self->connection_number_) self->on_answer(answer);
      });
}

void FetcherDriver::on_answer(const Result<protocol::FetchResponse>& answer) {
  if (closed_) return;
  if (!answer) {
    if (retry_interval_.count() == 0) {
      spdlog::info("leader={} can't be fetched from: {}", fetch_.leader().value(), answer.error().message());
      const bool is_lost =
          answer.error() == std::errc::connection_reset || answer.error() == std::errc::connection_refused;
      if (is_lost && options_.on_lost) options_.on_lost(fetch_.leader());
    }
    disconnect();
    return back_off();
  }
  if (!fetch_.on_response(*answer, Clock::now(), wall_clock_now())) return back_off();
  retry_interval_ = {};
  go_on();
}

void FetcherDriver::back_off() {
  retry_interval_ = std::clamp(2 * retry_interval_, options_.retry_first, options_.retry_max);
  retry_at_ = Clock::now() + retry_interval_;
  wake_at(*retry_at_);
}

void FetcherDriver::tell_progress() {
  while (connection_ && fetch_.has_progress()) {
    const auto items = fetch_.take_progress(kProgressItemsMax);
    if (items.empty()) continue;
    const auto bytes =
        encode(ReplicaProgress{.replica = options_.fetch.self,
                               .broker_epoch = controller::BrokerEpoch{broker_epoch_.load(std::memory_order_relaxed)},
                               .items = items});
    protocol::ReplicaProgress::Request message;
    message.bytes = {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
    connection_->tell<protocol::ReplicaProgress>(message, 0, kProgressLifetime);
  }
}

void FetcherDriver::wake_at(Clock::time_point when) {
  if (timer_ && timer_due_ <= when) return;
  timer_due_ = when;
  timer_ = thread_.after(until(when), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_.reset();
    self->go_on();
  });
}

}  // namespace sluice::broker::replication
