#include "broker/identity/node_identity.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/controller_codec.hpp"
#include "broker/identity/discovery.hpp"
#include "broker/identity/identify_listener.hpp"
#include "broker/identity/known_disk.hpp"
#include "broker/identity/peer_survey.hpp"
#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::broker::identity {
namespace {

using namespace std::chrono_literals;
using peer::PeerAddress;

constexpr auto kJoinWithin = 5s;
constexpr auto kRetryJoin = 1s;
constexpr auto kSessionMargin = 2s;  // until a session that ends is seen to have ended
constexpr auto kPatience = 3s;       // with voters that are not there, once a majority is

const std::vector<config::Listener>& quorum_listeners(const config::BrokerSettings& settings) {
  const auto& own = settings.cluster.controller_listeners;
  return own.empty() ? settings.listeners : own;
}

/// One decision, from settings and disk to NodeIdentity.
class Decision {
 public:
  Decision(const config::BrokerSettings& settings, KnownDisk disk, const ShouldStop& should_stop)
      : settings_(settings), cluster_(settings.cluster), disk_(std::move(disk)), should_stop_(should_stop) {
    asker_.node_id = disk_.node_id != kNoBroker ? disk_.node_id : settings.node_id;
    asker_.directory_id = disk_.directory_id;
    asker_.process_id = Uuid::random();
    asker_.cluster_id = disk_.cluster_id;
    asker_.is_controller = cluster_.is_controller;
    asker_.has_voted = disk_.has_voted;
  }

  Result<NodeIdentity> make() {
    if (!cluster_.join.empty()) return disk_.cluster_id.empty() ? join() : come_back();
    if (cluster_.is_alone()) return disk_.quorum.empty() ? alone() : come_back();
    if (!cluster_.voters.empty()) return of_voters();
    return discover();
  }

 private:
  NodeIdentity begin() const {
    NodeIdentity identity{.cluster_id = disk_.cluster_id, .node_id = asker_.node_id};
    auto addresses = disk_.quorum;
    for (const auto& voter : cluster_.voters) addresses[voter.id] = {voter.endpoint.host, voter.endpoint.port};
    addresses.erase(asker_.node_id);
    identity.quorum.assign(addresses.begin(), addresses.end());
    return identity;
  }
  NodeIdentity with(Decided decided) const {
    auto identity = begin();
    QuorumAddresses addresses{identity.quorum.begin(), identity.quorum.end()};
    for (auto& [node, address] : decided.quorum) addresses[node] = std::move(address);
    identity.cluster_id = std::move(decided.cluster_id);
    identity.bootstrap = std::move(decided.bootstrap);
    identity.quorum.assign(addresses.begin(), addresses.end());
    identity.advice = std::move(decided.advice);
    return identity;
  }

  NodeIdentity alone() const {
    auto identity = begin();
    if (identity.cluster_id.empty()) {
      identity.cluster_id = Uuid::random().to_string();
      spdlog::info("cluster_id={} is new, node_id={} its first node", identity.cluster_id, identity.node_id.value());
    }
    identity.bootstrap = raft::Configuration{{{identity.node_id, {}}}};
    return identity;
  }

  /// A node of a cluster, whose log says the rest. One that has no log yet, or knows no address, asks where it can.
  Result<NodeIdentity> come_back();
  Result<NodeIdentity> join();
  Result<NodeIdentity> joined(const PeerAddress& address, const controller::JoinResponse& response, PeerSurvey& survey);
  Result<NodeIdentity> of_voters();
  Result<NodeIdentity> discover();

  Result<std::unique_ptr<IdentifyListener>> answer_others(PeerSurvey& survey);
  void remember_heard(const std::vector<Answer>& answers) {
    const std::lock_guard lock{mutex_};
    heard_ = candidates(answers);
  }

  const config::BrokerSettings& settings_;
  const config::ClusterSettings& cluster_;
  const KnownDisk disk_;
  const ShouldStop& should_stop_;
  Asker asker_;
  std::mutex mutex_;
  std::vector<peer::NodeDescription::Voter> heard_;
};

std::vector<PeerAddress> addresses_of(const std::vector<config::Endpoint>& endpoints) {
  std::vector<PeerAddress> addresses;
  for (const auto& endpoint : endpoints) addresses.push_back({endpoint.host, endpoint.port});
  return addresses;
}

Result<std::unique_ptr<IdentifyListener>> Decision::answer_others(PeerSurvey& survey) {
  return IdentifyListener::open(survey.thread(), quorum_listeners(settings_), [this] {
    peer::NodeDescription description{.cluster_id = asker_.cluster_id,
                                      .node_id = asker_.node_id,
                                      .directory_id = asker_.directory_id,
                                      .is_undecided = true,
                                      .process_id = asker_.process_id};
    const std::lock_guard lock{mutex_};
    description.voters = heard_;
    const bool names_itself =
        std::ranges::any_of(heard_, [&](const auto& voter) { return voter.replica.node == asker_.node_id; });
    if (asker_.is_controller && !names_itself) {
      description.voters.push_back({.replica = {asker_.node_id, {}}});
      std::ranges::sort(description.voters, {}, [](const auto& voter) { return voter.replica.node; });
    }
    return description;
  });
}

Result<NodeIdentity> Decision::come_back() {
  if (disk_.has_voted && !disk_.quorum.empty()) return begin();
  auto addresses = addresses_of(cluster_.join);
  for (const auto& address : addresses_of(cluster_.bootstrap_servers)) addresses.push_back(address);
  for (const auto& [node, address] : disk_.quorum) addresses.push_back(address);
  PeerSurvey survey{should_stop_};
  bool is_answered = false;
  auto decided = survey.until_decided(addresses, [&](const std::vector<Answer>& answers) -> Verdict {
    for (const auto& answer : answers) {
      if (!answer.description || answer.description->cluster_id.empty()) continue;
      is_answered = true;
      return follow(asker_, answer);
    }
    // One that remembers what it promised goes on without them; one that does not may have promised something.
    if (disk_.has_voted) return Decided{};
    return Wait{"a node of its cluster: it has no metadata log of its own"};
  });
  if (!decided) return decided.error();
  if (!is_answered) return begin();
  decided->bootstrap = {};
  return with(*std::move(decided));
}

Result<NodeIdentity> Decision::join() {
  controller::JoinRequest request{.cluster_id = disk_.cluster_id, .directory_id = disk_.directory_id};
  const bool has_id = cluster_.node_id_is_given || disk_.node_id != kNoBroker;
  if (has_id) request.node_id = asker_.node_id;
  const peer::ControllerCall call{.request = controller::encode(controller::ControllerRequest{.body = request}),
                                  .may_be_passed_on = true};
  PeerSurvey survey{should_stop_};
  std::optional<std::chrono::steady_clock::time_point> taken_since;
  do {
    std::string failures;
    for (const auto& address : addresses_of(cluster_.join)) {
      if (should_stop_()) return std::make_error_code(std::errc::operation_canceled);
      auto failure = [&](std::string_view why) {
        failures += fmt::format(" {}:{} ({})", address.host, address.port, why);
      };
      const auto answer = survey.call(address, call, kJoinWithin);
      if (!answer) {
        failure(answer.error().message());
        continue;
      }
      const auto* told = std::get_if<peer::ControllerAnswer>(&*answer);
      const auto decoded = told == nullptr ? std::nullopt : controller::decode_response(as_byte_view(told->response));
      const auto* response = decoded ? std::get_if<controller::JoinResponse>(&decoded->body) : nullptr;
      if (response == nullptr) {
        failure("its answer is not understood");
        continue;
      }
      if (response->error_code == protocol::ErrorCode::none) return joined(address, *response, survey);
      const bool is_taken = response->error_code == protocol::ErrorCode::duplicate_broker_registration;
      if (is_taken && !taken_since) taken_since = std::chrono::steady_clock::now();
      // By a process that may be gone: then its session ends.
      const bool was_patient =
          is_taken && std::chrono::steady_clock::now() - *taken_since > cluster_.session_timeout + kSessionMargin;
      if (was_patient || response->error_code == protocol::ErrorCode::inconsistent_cluster_id) {
        spdlog::critical("{}:{} refuses this node: {}", address.host, address.port,
                         response->error_message.empty() ? protocol::name(response->error_code)
                                                         : std::string_view{response->error_message});
        return make_error_code(storage::Errc::wrong_directory);
      }
      failure(response->error_message.empty() ? protocol::name(response->error_code)
                                              : std::string_view{response->error_message});
    }
    survey.tell(fmt::format("a cluster to join:{}", failures));
  } while (survey.pause(kRetryJoin));
  return std::make_error_code(std::errc::operation_canceled);
}

/// Who votes, and where that is, the node says that was asked.
Result<NodeIdentity> Decision::joined(const PeerAddress& address, const controller::JoinResponse& response,
                                      PeerSurvey& survey) {
  asker_.node_id = response.node_id;
  asker_.cluster_id = response.cluster_id;
  spdlog::info("joins cluster_id={} as node_id={}", response.cluster_id, response.node_id.value());
  auto decided = survey.until_decided({address}, [&](const std::vector<Answer>& answers) -> Verdict {
    const auto& answer = answers.front();
    if (!answer.description) return Wait{fmt::format("{}:{} ({})", address.host, address.port, answer.error)};
    return follow(asker_, answer);
  });
  if (!decided) return decided.error();
  decided->bootstrap = {};
  decided->cluster_id = response.cluster_id;
  return with(*std::move(decided));
}

Result<NodeIdentity> Decision::of_voters() {
  auto identity = begin();
  const auto self = std::ranges::find(cluster_.voters, asker_.node_id, &config::QuorumVoter::id);
  if (!cluster_.is_controller || self == cluster_.voters.end()) return identity;
  std::vector<raft::ReplicaKey> keys;
  for (const auto& voter : cluster_.voters) keys.push_back({voter.id, {}});
  identity.bootstrap = raft::Configuration{std::move(keys)};
  // What it promised is on its disk. One that has none may be new, or may have lost it.
  if (disk_.has_voted) return identity;

  std::vector<PeerAddress> others;
  for (const auto& voter : cluster_.voters) {
    if (voter.id != asker_.node_id) others.push_back({voter.endpoint.host, voter.endpoint.port});
  }
  PeerSurvey survey{should_stop_};
  const auto listener = answer_others(survey);
  if (!listener) return listener.error();
  const auto begun = std::chrono::steady_clock::now();
  auto decided = survey.until_decided(others, [&](const std::vector<Answer>& answers) {
    remember_heard(answers);
    const bool is_patient = std::chrono::steady_clock::now() - begun < kPatience;
    return judge_voters(asker_, cluster_.voters, answers, is_patient);
  });
  if (!decided) return decided.error();
  return with(*std::move(decided));
}

Result<NodeIdentity> Decision::discover() {
  // A cluster whose id it knows had its record in this node's log.
  if (!disk_.cluster_id.empty() && disk_.has_voted) return come_back();
  PeerSurvey survey{should_stop_};
  const auto listener = answer_others(survey);
  if (!listener) return listener.error();
  auto decided =
      survey.until_decided(addresses_of(cluster_.bootstrap_servers), [&](const std::vector<Answer>& answers) {
        remember_heard(answers);
        return judge_servers(asker_, answers);
      });
  if (!decided) return decided.error();
  return with(*std::move(decided));
}

}  // namespace

Result<NodeIdentity> decide_identity(storage::FileSystem& files, const config::BrokerSettings& settings,
                                     const ShouldStop& should_stop) {
  auto disk = read_disk(files, settings);
  if (!disk) return disk.error();
  auto identity = Decision{settings, *std::move(disk), should_stop}.make();
  if (!identity) return identity.error();
  const QuorumAddresses addresses{identity->quorum.begin(), identity->quorum.end()};
  if (addresses.empty()) return identity;
  // Before the disk is claimed for a cluster: a node that joined one must not take itself for alone at the next start.
  const auto& directory = settings.log_dirs.front();
  auto noted = files.create_directories(directory);
  if (noted) noted = write_quorum_file(files, directory, addresses);
  if (!noted) {
    spdlog::critical("{} can't be written: {}", storage::join_path(directory, kQuorumFile), noted.error().message());
    return noted.error();
  }
  return identity;
}

peer::PeerAddress own_quorum_address(const config::BrokerSettings& settings,
                                     const std::function<std::uint16_t(const std::string& listener)>& port_of) {
  const auto& cluster = settings.cluster;
  const bool has_own = !cluster.controller_listeners.empty();
  const auto& name = has_own ? cluster.controller_listeners.front().name : settings.inter_broker_listener_name;
  const auto& advertised = has_own ? cluster.advertised_controller_listeners : settings.advertised_listeners;
  const auto endpoint = advertised.find(name);
  SLUICE_ASSERT(endpoint != advertised.end(), name);
  return {endpoint->second.host, endpoint->second.port != 0 ? endpoint->second.port : port_of(name)};
}

}  // namespace sluice::broker::identity
