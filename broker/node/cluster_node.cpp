#include "broker/node/cluster_node.hpp"

#include <algorithm>
#include <future>
#include <random>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "broker/identity/quorum_file.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::node {
namespace {

using controller::BrokerLifecycle;
using controller::MetadataImage;
using namespace std::chrono_literals;

constexpr std::string_view kMetadataLogDirectory = "__cluster_metadata-0";
constexpr std::chrono::milliseconds kTellInterval = 5s;
constexpr std::chrono::milliseconds kLeaveWithoutController = 2s;
constexpr std::chrono::milliseconds kHandOverNewsWait = 1s;
constexpr std::chrono::milliseconds kSessionMargin = 2s;  // until a session that ends is seen to have ended
constexpr int kImageSessions = 4;  // for as long as so many a new image may be on its way to the partitions

raft::RaftDriver::Options raft_options(const ClusterNode::Options& options) {
  const auto& cluster = options.settings.cluster;
  raft::RaftDriver::Options to;
  to.core.election_timeout = cluster.election_timeout;
  to.core.heartbeat_interval = cluster.raft_heartbeat_interval;
  to.directory = storage::join_path(options.metadata_directory, kMetadataLogDirectory);
  to.self = {.node = options.settings.node_id, .directory = options.directory_id};
  to.bootstrap = options.identity.bootstrap;
  to.snapshot_bytes = cluster.snapshot_bytes;
  to.snapshot_interval = cluster.snapshot_interval;
  to.seed = std::random_device{}();
  to.wall_clock = wall_clock_now;
  return to;
}

controller::MetadataDriver::Options metadata_options(const ClusterNode::Options& options) {
  const auto& cluster = options.settings.cluster;
  controller::MetadataDriver::Options to;
  to.core.session_timeout = cluster.session_timeout;
  to.core.leader_check_interval = cluster.leader_check_interval;
  to.core.imbalance_percent = cluster.leader_imbalance_percent;
  to.core.balances_leaders = cluster.balances_leaders;
  const auto& known = options.identity.cluster_id;
  to.core.new_cluster_id = known.empty() ? Uuid::random().to_string() : known;
  to.quorum.self = options.settings.node_id;
  to.quorum.listener_name = cluster.controller_listeners.empty() ? options.settings.inter_broker_listener_name
                                                                 : cluster.controller_listeners.front().name;
  to.quorum.change_timeout = cluster.request_timeout;
  to.config = options.config;
  return to;
}

/// What others can lead they do.
bool has_handed_over(const MetadataImage& image, BrokerId from) {
  const auto* known = image.find_broker(from);
  if (known != nullptr && known->is_active()) return false;
  const auto may_lead = [&](BrokerId id) {
    const auto* broker = image.find_broker(id);
    return broker != nullptr && broker->is_active();
  };
  bool all = true;
  image.for_each_topic([&](const controller::TopicImage& topic) {
    all &= std::ranges::none_of(topic.partitions, [&](const controller::PartitionImage& partition) {
      return partition.leader == from && std::ranges::any_of(partition.isr, may_lead);
    });
  });
  return all;
}

}  // namespace

ClusterNode::ClusterNode(Options options)
    : options_(std::move(options)),
      thread_(0, "sluice-quorum"),
      addresses_(options_.settings.inter_broker_listener_name),
      lost_brokers_(thread_) {
  for (const auto& [node, address] : options_.identity.quorum) addresses_.set_quorum_address(node, address);
  addresses_.set_quorum_address(self(), options_.quorum_address);
  addresses_.on_change([this] {
    if (!remembers_quorum_.exchange(true)) publisher_.post([this] { remember_quorum(); });
  });
  transport_ = std::make_unique<peer::RaftTransport>(
      thread_, addresses_, peer::RaftTransport::Options{.self = self(), .own_address = options_.quorum_address},
      peer::RaftTransport::Listeners{
          .on_messages = [this](std::vector<raft::Message> messages) { raft_->deliver(std::move(messages)); },
          .on_loss = [this](BrokerId node, peer::Loss fate) { on_peer_loss(node, fate); },
          .on_foreign = [this](const std::set<BrokerId>& nodes,
                               const std::string& cluster_id) { on_foreign_peers(nodes, cluster_id); }});
  if (!options_.identity.cluster_id.empty()) transport_->set_cluster_id(options_.identity.cluster_id);
  client_ = std::make_unique<peer::ClusterClient>(thread_, &addresses_, "sluice-" + std::to_string(self().value()));
  metadata_ = std::make_unique<controller::MetadataDriver>(
      metadata_options(options_), publisher_, addresses_,
      controller::MetadataDriver::Listeners{
          .on_leader_change =
              [this] {
                controller_->on_leader_change();
                if (lifecycle_) lifecycle_->look();
              },
          .on_fatal = [this] { options_.on_fatal("the metadata log can't be followed"); }});
}

ClusterNode::~ClusterNode() { stop(); }

/// For the next start, of a node that knows no other address by its configuration.
void ClusterNode::remember_quorum() {
  remembers_quorum_.store(false);  // of changes from here on another task tells
  auto addresses = addresses_.quorum_addresses();
  addresses.erase(self());
  const auto& directory = options_.settings.log_dirs.front();
  if (const auto noted = identity::write_quorum_file(options_.files, directory, addresses); !noted) {
    spdlog::warn("{}/{} can't be written: {}", directory, identity::kQuorumFile, noted.error().message());
  }
}

bool ClusterNode::open() {
  auto raft = raft_options(options_);
  raft.on_failure = [this](std::error_code) { options_.on_fatal("without its metadata log this node can't go on"); };
  auto opened = raft::RaftDriver::open(options_.files, std::move(raft), *transport_, *metadata_);
  if (!opened) {
    spdlog::critical("can't open the metadata log: {}", opened.error().message());
    return false;
  }
  raft_ = std::move(*opened);
  const auto& cluster = options_.settings.cluster;
  controller_ = std::make_unique<controller::ForwardingController>(
      controller::ForwardingController::Parts{.self = self(),
                                              .request_timeout = cluster.request_timeout,
                                              .heartbeat_timeout = std::max(cluster.heartbeat_interval, 1000ms),
                                              .local = *metadata_,
                                              .publisher = publisher_,
                                              .client = *client_,
                                              .thread = thread_});
  if (options_.registration) {
    lifecycle_ = std::make_unique<controller::LifecycleDriver>(
        controller::LifecycleDriver::Parts{.options = {.heartbeat_interval = cluster.heartbeat_interval,
                                                       .duplicate_patience = session_timeout() + kSessionMargin},
                                           .registration = *options_.registration,
                                           .controller = *controller_,
                                           .publisher = publisher_,
                                           .thread = thread_,
                                           .on_change = [this] { on_lifecycle_change(); },
                                           .is_stalled = [this] { return is_stalled(); }});
    watch_metadata();
  }
  publisher_.on_published([this] {
    if (lifecycle_) lifecycle_->look();
    lost_brokers_.apply(*publisher_.image());
  });
  publisher_.subscribe(
      [this](const controller::MetadataDelta& delta, const std::shared_ptr<const MetadataImage>& after) {
        if (delta.brokers_changed) addresses_.apply(*after);
        follow_cluster_id(*after);
      });
  metadata_->attach(*raft_);
  return true;
}

void ClusterNode::start() {
  started_ = true;
  thread_.start();
  auto others = addresses_.quorum_nodes();
  std::erase(others, self());
  raft_->post([others = std::move(others)](raft::Raft& raft, raft::Now) { raft.set_contacts(others); });
  raft_->start();
}

/// On the metadata thread.
void ClusterNode::follow_cluster_id(const MetadataImage& image) {
  if (knows_cluster_id_ || image.cluster_id().empty()) return;
  knows_cluster_id_ = true;
  const auto& expected = options_.identity.cluster_id;
  if (!expected.empty() && expected != image.cluster_id()) {
    return options_.on_fatal("the metadata log is of cluster " + image.cluster_id() + ", the data of " + expected);
  }
  transport_->set_cluster_id(image.cluster_id());
}

void ClusterNode::on_peer_loss(BrokerId node, peer::Loss fate) {
  switch (fate) {
    case peer::Loss::unknown: return lost_brokers_.note_lost(node);
    case peer::Loss::alive: return lost_brokers_.note_found(node);
    case peer::Loss::gone: break;
  }
  if (!raft_) return;
  raft_->on_unreachable(node);
  metadata_->on_broker_gone(node);
}

/// Where most voters that this node knows are of another cluster, no leader of its own will ever be heard of: its disk
/// is the wrong one. One voter may itself be the one with a wrong disk. On any thread.
void ClusterNode::on_foreign_peers(const std::set<BrokerId>& nodes, const std::string& cluster_id) {
  const auto voters = metadata_->voters();
  const auto foreign = std::ranges::count_if(voters, [&](const auto& voter) { return nodes.contains(voter.node); });
  if (static_cast<std::size_t>(foreign) * 2 <= voters.size()) return;
  options_.on_fatal("log.dirs are of cluster_id=" + options_.identity.cluster_id +
                    ", but most of the voters are of cluster_id=" + cluster_id);
}

void ClusterNode::watch_metadata() {
  stalls_.watch(session_timeout(), "writing the metadata log", [this]() -> std::optional<StallWatch::Instant> {
    const auto since = raft_->status().writing_since;
    if (!since) return std::nullopt;
    return StallWatch::Instant{std::chrono::duration_cast<StallWatch::Instant::duration>(*since)};
  });
  // Many partitions may well take a while to be made.
  stalls_.watch(kImageSessions * session_timeout(), "taking in new metadata",
                [this] { return publisher_.publishing_since(); });
}

/// Where nobody could take over, a slow broker is better than none.
bool ClusterNode::is_stalled() {
  const auto image = publisher_.image();
  const bool others = std::ranges::any_of(
      image->brokers(), [this](const auto& broker) { return broker.id != self() && broker.is_active(); });
  return stalls_.look(std::chrono::steady_clock::now()) && others;
}

void ClusterNode::join() { lifecycle_->start(); }

void ClusterNode::on_lifecycle_change() {
  if (const auto epoch = lifecycle_->epoch(); epoch != told_epoch_ && epoch != controller::kNoBrokerEpoch) {
    told_epoch_ = epoch;
    if (on_epoch_) on_epoch_(epoch);
  }
  if (lifecycle_->state() == BrokerLifecycle::State::refused) {
    options_.on_fatal("the cluster refuses this broker: " + lifecycle_->refusal());
  }
  publisher_.nudge();
}

BrokerId ClusterNode::leader() const { return metadata_->leader(); }

std::vector<controller::QuorumInfo::Voter> ClusterNode::voters() const {
  std::vector<Voter> voters;
  for (const auto& voter : metadata_->voters()) {
    const auto address = addresses_.quorum_address(voter.node);
    voters.push_back({.id = voter.node,
                      .host = address ? address->host : std::string{},
                      .port = address ? address->port : std::uint16_t{0}});
  }
  return voters;
}

void ClusterNode::describe(std::function<void(peer::NodeDescription)> told) const {
  raft_->post([this, told = std::move(told)](raft::Raft& raft, raft::Now) {
    const auto image = publisher_.image();
    peer::NodeDescription description;
    description.cluster_id = image->cluster_id().empty() ? options_.identity.cluster_id : image->cluster_id();
    description.node_id = raft.self().node;
    description.directory_id = raft.self().directory;
    if (raft.leader()) description.leader = raft.leader()->node;
    for (const auto& voter : raft.log().configuration().voters()) {
      const auto address = addresses_.quorum_address(voter.node);
      description.voters.push_back({.replica = voter, .address = address.value_or(peer::PeerAddress{})});
    }
    told(std::move(description));
  });
}

bool ClusterNode::wait(const char* what, const std::function<bool()>& give_up,
                       const std::function<bool(const MetadataImage&)>& enough) {
  bool reached = false;
  const auto look = [&](const MetadataImage& image) { return (reached = enough(image)) || give_up(); };
  while (!publisher_.wait_for(look, kTellInterval)) {
    const auto status = raft_->status();
    spdlog::info("waiting for {}; quorum term={} leader={}", what, status.term.value(),
                 status.leader ? std::to_string(status.leader->node.value()) : "none");
  }
  return reached;
}

bool ClusterNode::wait_until_founded(const std::function<bool()>& give_up) {
  return wait("the cluster's first leader", give_up,
              [](const MetadataImage& image) { return !image.cluster_id().empty(); });
}

bool ClusterNode::wait_until_registered(const std::function<bool()>& give_up) {
  return wait("the controller to register this broker", give_up, [this](const MetadataImage& image) {
    const auto epoch = lifecycle_->epoch();
    const auto* broker = image.find_broker(self());
    return epoch != controller::kNoBrokerEpoch && broker != nullptr && broker->epoch == epoch;
  });
}

bool ClusterNode::wait_until_unfenced(const std::function<bool()>& give_up) {
  lifecycle_->serve();
  return wait("the controller to let this broker serve", give_up, [this](const MetadataImage& image) {
    const auto* broker = image.find_broker(self());
    return broker != nullptr && broker->epoch == lifecycle_->epoch() && !broker->fenced;
  });
}

void ClusterNode::leave(std::chrono::milliseconds within) {
  using State = BrokerLifecycle::State;
  if (!lifecycle_ || lifecycle_->state() == State::unregistered || lifecycle_->state() == State::refused) return;
  lifecycle_->leave();
  const auto began = std::chrono::steady_clock::now();
  auto led_at = began;
  const auto left = [&](const MetadataImage&) { return lifecycle_->state() == State::left; };
  while (!publisher_.wait_for(left, 100ms)) {
    const auto now = std::chrono::steady_clock::now();
    if (raft_->status().leader) led_at = now;
    if (now - began < within && now - led_at < kLeaveWithoutController) continue;
    spdlog::warn("shutting down though the controller has not said that it may: {}",
                 now - began < within ? "there is none" : "it took too long");
    return;
  }
  // Until the partitions here know that others lead them: else they would go on as their leaders, with nobody to tell
  // them better, and those who produce to them would wait for nothing.
  const auto handed_over = [this](const MetadataImage& image) { return has_handed_over(image, self()); };
  if (!publisher_.wait_for(handed_over, kHandOverNewsWait)) {
    spdlog::warn("shutting down though the news of who leads now has not come");
  }
}

void ClusterNode::stop_quorum(std::chrono::milliseconds hand_over) {
  if (std::exchange(quorum_stopped_, true)) return;
  if (lifecycle_) lifecycle_->stop();
  if (raft_ && started_) raft_->stop(hand_over);
  if (controller_) controller_->stop();
  lost_brokers_.stop();
}

void ClusterNode::stop() {
  if (std::exchange(stopped_, true)) return;
  stop_quorum(0ms);
  publisher_.finish();
  if (started_) {
    client_->stop();
    transport_->stop();
    // Behind the closing of the connections: whom their requests answer is still there now, and later is not.
    std::promise<void> closed;
    thread_.post([&closed] { closed.set_value(); });
    closed.get_future().wait();
  }
  thread_.stop();
}

}  // namespace sluice::broker::node
