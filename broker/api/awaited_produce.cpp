#include "broker/api/awaited_produce.hpp"

#include <utility>

namespace sluice::broker::api {

using protocol::ErrorCode;

AwaitedProduce::AwaitedProduce(protocol::ProduceResponse response, Respond<protocol::ProduceResponse> respond,
                               IoThread& thread)
    : response_(std::move(response)), respond_(std::move(respond)), thread_(thread) {}

void AwaitedProduce::start(std::vector<Appended> appended, std::chrono::milliseconds timeout) {
  outcomes_.assign(appended.size(), ErrorCode::request_timed_out);
  places_ = std::move(appended);
  open_ = places_.size();
  // Acknowledgements may all come before when_replicated returns: only then is there nothing to wait for.
  for (std::size_t i = 0; i < places_.size(); ++i) {
    places_[i].partition->when_replicated(
        places_[i].end, [self = shared_from_this(), i](ErrorCode outcome) { self->acknowledged(i, outcome); },
        places_[i].leader_epoch);
  }
  if (!respond_) return;
  deadline_ = thread_.after(timeout, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->answer();
  });
}

void AwaitedProduce::acknowledged(std::size_t place, ErrorCode outcome) {
  {
    const std::lock_guard lock{mutex_};
    outcomes_[place] = outcome;
    if (--open_ > 0) return;
  }
  thread_.run_or_post([self = shared_from_this()] { self->answer(); });
}

void AwaitedProduce::answer() {
  if (!respond_) return;
  {
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (outcomes_[i] == ErrorCode::none) continue;
      auto& partition = response_.responses[places_[i].topic].partition_responses[places_[i].index];
      partition.error_code = outcomes_[i];
      partition.base_offset = kNoOffset;
    }
  }
  auto respond = std::move(*respond_);
  respond_.reset();
  respond(response_);
  const auto timer = std::move(deadline_);
}

}  // namespace sluice::broker::api
