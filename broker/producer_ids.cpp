#include "broker/producer_ids.hpp"

#include <algorithm>
#include <utility>

#include "broker/controller/controller_request.hpp"

namespace sluice::broker {

using protocol::ErrorCode;

void ProducerIds::next(Take take) {
  {
    std::unique_lock lock{mutex_};
    if (next_ < end_) {
      const ProducerId id{next_++};
      lock.unlock();
      return take(ErrorCode::none, id);
    }
    waiting_.push_back(std::move(take));
    if (waiting_.size() > 1) return;  // a block is on its way
  }
  allocate();
}

void ProducerIds::allocate() {
  protocol::AllocateProducerIdsRequest request;
  request.broker_id = this_broker_;
  controller::call(controller_, std::move(request), [this](protocol::AllocateProducerIdsResponse response) {
    std::vector<std::pair<Take, ProducerId>> served;
    std::vector<Take> failed;
    bool more_wanted = false;
    {
      const std::lock_guard lock{mutex_};
      if (response.error_code != ErrorCode::none) {
        failed = std::exchange(waiting_, {});
      } else {
        next_ = response.producer_id_start.value();
        end_ = next_ + response.producer_id_len;
        const auto count = std::min<std::size_t>(waiting_.size(), static_cast<std::size_t>(response.producer_id_len));
        for (std::size_t i = 0; i < count; ++i) served.emplace_back(std::move(waiting_[i]), ProducerId{next_++});
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
        more_wanted = !waiting_.empty();
      }
    }
    for (auto& [take, id] : served) take(ErrorCode::none, id);
    for (auto& take : failed) take(response.error_code, kNoProducerId);
    if (more_wanted) allocate();
  });
}

}  // namespace sluice::broker
