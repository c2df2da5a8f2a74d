#include "tests/sim/node/replica_fetches.hpp"

#include <algorithm>

#include "broker/replication/replica_progress.hpp"
#include "protocol/base/planted_bug.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::fetch;
using broker::replication::PartitionKey;
using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

struct ReplicaFetches::Waiting final : SessionWaiter, std::enable_shared_from_this<Waiting> {
  Waiting(Node& of, std::shared_ptr<ReplicaFetchSession> its, const FetchRequest& asked, Reply answers)
      : node(of), session(std::move(its)), request(asked), reply(std::move(answers)) {}

  void on_session_progress() noexcept override {
    node.later([weak = weak_from_this()](Process& process) {
      if (const auto self = weak.lock()) process.replica_fetches().try_answer(self, false);
    });
  }
  bool give_way() override {
    node.process().replica_fetches().answer(shared_from_this(), {});
    return true;
  }

  Node& node;
  std::shared_ptr<ReplicaFetchSession> session;
  const FetchRequest request;
  Reply reply;
  bool is_answered = false;
};

namespace {

constexpr std::size_t kTargetsMax = 4096;

FetchAnswer failure(ErrorCode error) {
  FetchAnswer answer{.response = std::make_shared<FetchResponse>(), .bytes = {}};
  answer.response->error_code = error;
  return answer;
}

/// Brings what would be sent from files into memory.
FetchAnswer gather(Collected collected) {
  FetchAnswer answer{.response = std::make_shared<FetchResponse>(std::move(collected.response)),
                     .bytes = std::make_shared<std::vector<std::vector<std::byte>>>(std::move(collected.copies))};
  auto slice = collected.slices.begin();
  for (auto& topic : answer.response->responses) {
    for (auto& partition : topic.partitions) {
      if (!partition.records.is_spliced()) continue;
      std::vector<std::byte> bytes(slice->size);
      if (slice->read(bytes)) {
        answer.bytes->push_back(std::move(bytes));
        partition.records = wire::Records::view(answer.bytes->back());
      } else {
        partition.records = wire::Records::view({});
        partition.error_code = ErrorCode::kafka_storage_error;
      }
      ++slice;
    }
  }
  return answer;
}

}  // namespace

ReplicaFetches::~ReplicaFetches() {
  for (const auto& waiting : waiting_) waiting->session->stop_waiting();
  sessions_.clear();
}

std::shared_ptr<ReplicaFetchSession> ReplicaFetches::session_for(const FetchRequest& request) {
  const auto now = node_.clock().point();
  const auto follower = request.replica_state.replica_id;
  const broker::controller::BrokerEpoch epoch{request.replica_state.replica_epoch};
  if (request.session_epoch > 0) return sessions_.find(follower, request.session_id, now);
  if (request.session_id != 0) sessions_.end(follower, request.session_id);
  return sessions_.begin({.id = follower, .epoch = epoch}, now);
}

/// As broker/api/fetch.cpp serves followers.
void ReplicaFetches::serve(const FetchRequest& request, const Reply& reply) {
  if (!node_.process().serves()) return reply(failure(ErrorCode::not_leader_or_follower));
  const auto session = session_for(request);
  if (!session) return reply(failure(ErrorCode::fetch_session_id_not_found));
  if (!session->end_waiting()) return reply(failure(ErrorCode::invalid_fetch_session_epoch));
  const auto* known = node_.process().metadata().image()->find_broker(request.replica_state.replica_id);
  const bool is_stale = known != nullptr && request.replica_state.replica_epoch < known->epoch.value();
  const auto find = [this](const PartitionKey& key) { return node_.process().replicas().find(key); };
  if (const auto error = session->take(request, find, is_stale, node_.clock().point()); error != ErrorCode::none) {
    return reply(failure(error));
  }
  const auto waiting = std::make_shared<Waiting>(node_, session, request, reply);
  waiting_.push_back(waiting);
  try_answer(waiting, request.max_wait_ms <= 0);
  if (waiting->is_answered) return;
  node_.after(std::chrono::milliseconds{request.max_wait_ms}, [this, weak = std::weak_ptr{waiting}](Process&) {
    if (const auto still = weak.lock()) try_answer(still, true);
  });
}

/// As ReplicaFetchOperation does.
void ReplicaFetches::try_answer(const WaitingPtr& waiting, bool time_is_up) {
  if (waiting->is_answered) return;
  auto& session = *waiting->session;
  const auto& request = waiting->request;
  do {
    if (!time_is_up && !session.has_news()) continue;
    auto collected = collect_for_replica(session.due(kTargetsMax), Reading::in_place, request.min_bytes,
                                         request.max_bytes, node_.clock().wall());
    const auto wanted = static_cast<std::size_t>(std::max(request.min_bytes, 0));
    if (collected.read.answer_now || collected.read.bytes >= wanted || time_is_up) {
      return answer(waiting, std::move(collected));
    }
  } while (!session.wait(waiting));
}

void ReplicaFetches::answer(const WaitingPtr& waiting, ReplicaCollected collected) {
  if (std::exchange(waiting->is_answered, true)) return;
  const auto held = waiting;
  waiting_.remove(held);
  held->session->stop_waiting();
  held->session->note_answered(collected.answered);
  collected.read.response.session_id = held->session->id();
  held->reply(gather(std::move(collected.read)));
}

/// As ReplicaProgressReceiver does, which has a broker's own table.
void ReplicaFetches::take_progress(ByteView message) {
  const auto progress = broker::replication::decode_replica_progress(message);
  require(progress.has_value(), "what followers tell survives its encoding", node_.id());
  const auto* replica = node_.process().metadata().image()->find_broker(progress->replica);
  if (replica != nullptr && progress->broker_epoch < replica->epoch &&
      !SLUICE_BUG("replication: counts what an earlier life of a follower synced")) {
    return;
  }
  for (const auto& item : progress->items) {
    const auto partition = node_.process().replicas().find({item.topic_id, item.partition});
    if (partition) partition->note_synced(progress->replica, item.leader_epoch, item.synced_end);
  }
}

}  // namespace sluice::sim
