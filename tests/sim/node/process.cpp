#include "tests/sim/node/process.hpp"

#include "broker/controller/controller_request.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::controller;
using State = BrokerLifecycle::State;
using protocol::ErrorCode;

namespace {

constexpr auto kDataDirectory = "/data";
constexpr auto kMetadataLogDirectory = "/data/__cluster_metadata-0";

/// No answer of the controller, but of those who looked for it.
bool is_failure(ErrorCode error) {
  return error == ErrorCode::not_controller || error == ErrorCode::request_timed_out ||
         error == ErrorCode::network_exception;
}

broker::raft::Configuration bootstrap_of(const World& world, const Node& node) {
  std::vector<broker::raft::ReplicaKey> voters;
  if (node.id() > world.settings.voters || node.was_wiped()) return {};
  for (int id = 1; id <= world.settings.voters; ++id) voters.push_back({.node = BrokerId{id}});
  return broker::raft::Configuration{std::move(voters)};
}

}  // namespace

Process::Process(World& world, Node& node) : world_(world), node_(node) {}

Process::~Process() = default;

bool Process::start(std::string& complaint) {
  replicas_ = std::make_unique<Replicas>(world_, node_);
  if (const auto opened = replicas_->open(kDataDirectory); !opened) {
    complaint = "data directory: " + opened.error().message();
    return false;
  }
  auto store = broker::raft::RaftStore::open(node_.disk(),
                                             {.directory = kMetadataLogDirectory,
                                              .self = node_.key(),
                                              .bootstrap = bootstrap_of(world_, node_),
                                              .log = {.segment_bytes = 16 << 10,
                                                      .segment_ms = std::chrono::hours{10'000},
                                                      .segment_index_bytes = 480,
                                                      .file_delete_delay_ms = std::chrono::milliseconds{0}}},
                                             node_.clock().wall());
  if (!store) {
    complaint = "metadata log: " + store.error().message();
    return false;
  }
  metadata_ = std::make_unique<Metadata>(world_, node_);
  quorum_ = std::make_unique<Quorum>(world_, node_, std::move(*store), *metadata_);
  controller_ = std::make_unique<ControllerClient>(world_, node_);
  isr_changes_ = std::make_unique<IsrChanges>(world_, node_);
  fetchers_ = std::make_unique<Fetchers>(world_, node_);
  replica_fetches_ = std::make_unique<ReplicaFetches>(world_, node_);
  RegisterBrokerRequest registration;
  registration.cluster_id = replicas_->cluster_id();
  registration.broker.id = node_.broker_id();
  registration.broker.endpoints = {
      {.listener_name = "PLAINTEXT", .host = "node-" + std::to_string(node_.id()), .port = 9092}};
  registration.broker.rack = "rack-" + std::to_string(node_.id() % 2);
  registration.broker.incarnation = world_.make_uuid();
  registration.broker.directories = {replicas_->directory_id()};
  registration.broker.is_controller = node_.id() <= world_.settings.voters;
  registration.broker.was_shut_down_cleanly = replicas_->was_shut_down_cleanly();
  lifecycle_ = std::make_unique<BrokerLifecycle>(world_.settings.lifecycle, registration);
  std::vector<BrokerId> contacts;
  for (const auto& [id, other] : world_.nodes) contacts.push_back(BrokerId{id});
  if (!quorum_->start(std::move(contacts))) {
    complaint = "metadata snapshot";
    return false;
  }
  metadata_->attach(quorum_->raft());
  isr_changes_->start();
  settle();
  return true;
}

void Process::settle() {
  if (!quorum_) return;
  quorum_->pump();
  metadata_->settle();
  advance_lifecycle();
  quorum_->pump();
}

bool Process::has_failed() const { return quorum_ && (quorum_->has_failed() || replicas_->has_failed()); }

void Process::advance_lifecycle() {
  const auto shown = serves_ ? metadata_->image()->version() : kNoOffset;
  if (const auto request = lifecycle_->next_request(shown, node_.clock().steady())) {
    std::visit(
        [this](const auto& body) {
          using Response = ResponseOf<std::decay_t<decltype(body)>>;
          controller_->submit({.body = body}, world_.settings.heartbeat_timeout, [this](ControllerResponse response) {
            on_lifecycle_answer(std::get<Response>(response.body));
          });
        },
        *request);
  }
  const auto deadline = lifecycle_->next_deadline();
  if (deadline == Instant::max()) return;
  const auto due = world_.scheduler.now() + std::max<Duration>(node_.clock().until(deadline), Duration{1000});
  if (lifecycle_at_ <= due && lifecycle_at_ >= world_.scheduler.now()) return;
  lifecycle_at_ = due;
  node_.after(due - world_.scheduler.now(), [due](Process& process) {
    if (process.lifecycle_at_ == due) process.lifecycle_at_ = Instant::max();
  });
}

template <class Response>
void Process::on_lifecycle_answer(const Response& response) {
  const auto before = lifecycle_->state();
  if (is_failure(response.error_code)) {
    lifecycle_->on_failure(node_.clock().steady());
  } else {
    lifecycle_->on_response(response, node_.clock().steady());
  }
  if (lifecycle_->state() != before) {
    world_.trace.note("lifecycle", node_.id(), static_cast<std::int64_t>(before),
                      static_cast<std::int64_t>(lifecycle_->state()), lifecycle_->epoch().value());
  }
  if (lifecycle_->epoch() != told_epoch_ && lifecycle_->epoch() != kNoBrokerEpoch) {
    told_epoch_ = lifecycle_->epoch();
    fetchers_->set_broker_epoch(told_epoch_);
    isr_changes_->set_broker_epoch(told_epoch_);
    load();
  }
}

void Process::on_leader_change() {
  controller_->on_leader_change();
  if (lifecycle_->state() == State::unregistered || lifecycle_->state() == State::fenced) lifecycle_->hurry();
}

void Process::on_image(const MetadataDelta& delta, const Metadata::Image& after) {
  if (!after->cluster_id().empty()) replicas_->adopt_cluster_id(after->cluster_id());
  if (!replicas_->is_loaded()) return;
  replicas_->apply(delta);
  lifecycle_->set_offline_replicas(replicas_->unserved());
  fetchers_->apply(delta);
}

void Process::on_published() {
  load();
  if (lifecycle_->state() == State::unregistered || lifecycle_->state() == State::fenced) lifecycle_->hurry();
}

/// Once the image shows its registration, a broker opens its logs, and is ready to serve.
void Process::load() {
  if (replicas_->is_loaded()) return;
  const auto& image = metadata_->image();
  const auto* self = image->find_broker(node_.broker_id());
  if (self == nullptr || self->epoch != lifecycle_->epoch()) return;
  if (!replicas_->load(*image)) return;
  lifecycle_->set_offline_replicas(replicas_->unserved());
  world_.trace.note("serves", node_.id(), image->version().value());
  fetchers_->apply(everything_in(*image));
  serves_ = true;
  lifecycle_->hurry();
}

void Process::leave() { lifecycle_->leave(); }
bool Process::is_refused() const { return lifecycle_ && lifecycle_->state() == State::refused; }
bool Process::has_left() const { return lifecycle_ && lifecycle_->state() == State::left; }

void Process::close() {
  fetchers_->stop();
  replicas_->close();
}

}  // namespace sluice::sim
