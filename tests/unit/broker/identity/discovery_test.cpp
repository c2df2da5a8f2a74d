#include "broker/identity/discovery.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::broker;
using namespace sluice::broker::identity;
using peer::NodeDescription;
using peer::PeerAddress;

namespace {

const Uuid kProcess{{7}};
const Uuid kDisk{{1, 2}};
const Uuid kOtherDisk{{3, 4}};

PeerAddress address_of(int node) { return {"host" + std::to_string(node), 9093}; }

NodeDescription::Voter voter(int node, Uuid directory = {}) {
  return {.replica = {BrokerId{node}, directory}, .address = address_of(node)};
}

std::vector<NodeDescription::Voter> voters(const std::vector<int>& nodes) {
  std::vector<NodeDescription::Voter> all;
  for (const auto node : nodes) all.push_back(voter(node));
  return all;
}

Answer silent(int node) { return {.address = address_of(node), .description = {}, .error = "Connection refused"}; }

Answer fresh(int node, const std::vector<int>& heard) {
  NodeDescription description{.node_id = BrokerId{node}, .is_undecided = true, .voters = voters(heard)};
  if (node == 1) description.process_id = kProcess;
  return {.address = address_of(node), .description = description};
}

Answer formed(int node, std::vector<NodeDescription::Voter> of, const std::string& cluster = "c") {
  return {.address = address_of(node),
          .description = NodeDescription{.cluster_id = cluster, .node_id = BrokerId{node}, .voters = std::move(of)}};
}

raft::Configuration configuration(const std::vector<int>& nodes) {
  std::vector<raft::ReplicaKey> keys;
  for (const auto node : nodes) keys.push_back({BrokerId{node}, {}});
  return raft::Configuration{std::move(keys)};
}

const Asker kAsker{.node_id = BrokerId{1}, .process_id = kProcess};
const std::vector<config::QuorumVoter> kVoters{
    {BrokerId{1}, {"host1", 9093}}, {BrokerId{2}, {"host2", 9093}}, {BrokerId{3}, {"host3", 9093}}};

Decided decided(const Verdict& verdict) {
  REQUIRE(std::holds_alternative<Decided>(verdict));
  return std::get<Decided>(verdict);
}
std::string waits_for(const Verdict& verdict) {
  REQUIRE(std::holds_alternative<Wait>(verdict));
  return std::get<Wait>(verdict).for_what;
}
std::string refused(const Verdict& verdict) {
  REQUIRE(std::holds_alternative<Refuse>(verdict));
  return std::get<Refuse>(verdict).why;
}

}  // namespace

TEST_CASE("static voters that are all new begin a cluster", "[identity]") {
  const auto begun = decided(judge_voters(kAsker, kVoters, {fresh(2, {2}), fresh(3, {3})}, true));
  CHECK(begun.bootstrap == configuration({1, 2, 3}));
  CHECK(begun.cluster_id.empty());
  CHECK(begun.quorum == QuorumAddresses{{BrokerId{2}, address_of(2)}, {BrokerId{3}, address_of(3)}});
  CHECK(begun.advice.empty());
}

TEST_CASE("a majority of static voters begins after a while, a minority never", "[identity]") {
  const std::vector some{fresh(2, {2}), silent(3)};
  CHECK(waits_for(judge_voters(kAsker, kVoters, some, true)) == "other voters: host3:9093 (Connection refused)");
  CHECK(decided(judge_voters(kAsker, kVoters, some, false)).bootstrap == configuration({1, 2, 3}));
  CHECK_FALSE(waits_for(judge_voters(kAsker, kVoters, {silent(2), silent(3)}, false)).empty());
}

TEST_CASE("a static voter at whose address another node answers is missing", "[identity]") {
  const auto reason = waits_for(judge_voters(kAsker, kVoters, {fresh(3, {3}), fresh(3, {3})}, true));
  CHECK(reason == "other voters: host3:9093 (is node_id=3, not 2)");
}

TEST_CASE("a voter with a new disk follows its cluster, and says what is to be done", "[identity]") {
  const auto answer = formed(2, {voter(1, kOtherDisk), voter(2, kDisk), voter(3, kDisk)});
  for (const auto& own : {Uuid{}, kDisk}) {
    auto asker = kAsker;
    asker.directory_id = own;
    const auto late = decided(judge_voters(asker, kVoters, {answer, silent(3)}, true));
    CHECK(late.bootstrap.is_empty());
    CHECK(late.cluster_id == "c");
    CHECK(late.advice.find("sluice cluster remove-voter 1") != std::string::npos);
  }
}

TEST_CASE("a voter whose disk has lost its metadata log alone is refused", "[identity]") {
  const auto answer = formed(2, {voter(1, kDisk), voter(2, kOtherDisk), voter(3, kOtherDisk)});
  auto asker = kAsker;
  asker.directory_id = kDisk;
  CHECK(refused(judge_voters(asker, kVoters, {answer, silent(3)}, true)).find("its metadata log is gone") !=
        std::string::npos);
  asker.has_voted = true;
  CHECK(decided(follow(asker, answer)).advice.empty());
}

TEST_CASE("disks that have a cluster id from before begin that cluster, and are no cluster yet", "[identity]") {
  auto given = fresh(2, {2});
  given.description->cluster_id = "c";
  const auto begun = decided(judge_voters(kAsker, kVoters, {given, fresh(3, {3})}, true));
  CHECK(begun.bootstrap == configuration({1, 2, 3}));
  CHECK(begun.cluster_id == "c");
  auto asker = kAsker;
  asker.cluster_id = "d";
  CHECK_FALSE(refused(judge_voters(asker, kVoters, {given, fresh(3, {3})}, true)).empty());
}

TEST_CASE("a voter that comes late to a cluster that has not met it is still a voter", "[identity]") {
  const auto late = decided(judge_voters(kAsker, kVoters, {formed(2, voters({1, 2, 3})), silent(3)}, true));
  CHECK(late.bootstrap == configuration({1, 2, 3}));
  CHECK(late.advice.empty());
}

TEST_CASE("a disk of another cluster is refused", "[identity]") {
  auto asker = kAsker;
  asker.cluster_id = "mine";
  CHECK(refused(judge_servers(asker, {formed(2, voters({2}))})) ==
        "log.dirs are of cluster_id=mine, but host2:9093 is of cluster_id=c");
  CHECK(refused(judge_servers(kAsker, {formed(2, {}), formed(3, {}, "d")})).find("can be of one alone") !=
        std::string::npos);
}

TEST_CASE("bootstrap servers begin a cluster once each has heard of the same nodes", "[identity]") {
  CHECK(waits_for(judge_servers(kAsker, {fresh(1, {1}), silent(2), fresh(3, {3})})).find("host2:9093") !=
        std::string::npos);
  CHECK_FALSE(waits_for(judge_servers(kAsker, {fresh(1, {1, 2, 3}), fresh(2, {2, 3}), fresh(3, {1, 2, 3})})).empty());
  const std::vector all{fresh(3, {1, 2, 3}), fresh(1, {1, 2, 3}), fresh(2, {1, 2, 3})};
  const auto begun = decided(judge_servers(kAsker, all));
  CHECK(begun.bootstrap == configuration({1, 2, 3}));
  CHECK(begun.quorum.size() == 2);
  CHECK(candidates(all) == voters({1, 2, 3}));
}

TEST_CASE("bootstrap servers follow one that has decided, or that has a cluster", "[identity]") {
  auto has_decided = fresh(2, {1, 2, 3});
  has_decided.description->is_undecided = false;
  CHECK(decided(judge_servers(kAsker, {fresh(1, {1}), has_decided, silent(3)})).bootstrap == configuration({1, 2, 3}));
  const auto joined = decided(judge_servers(kAsker, {fresh(1, {1}), formed(2, {voter(2, kDisk)}), silent(3)}));
  CHECK(joined.bootstrap.is_empty());
  CHECK(joined.cluster_id == "c");
  CHECK(joined.quorum == QuorumAddresses{{BrokerId{2}, address_of(2)}});
}

TEST_CASE("two bootstrap servers with one node id are refused", "[identity]") {
  auto doubled = fresh(1, {1});
  doubled.address = address_of(2);
  doubled.description->process_id = kDisk;
  CHECK(refused(judge_servers(kAsker, {fresh(1, {1}), doubled})) ==
        "node.id = 1: the node at host2:9093 has that id too");
}

TEST_CASE("a broker that is no controller waits for others to begin, and never votes", "[identity]") {
  const Asker broker{.node_id = BrokerId{5}, .process_id = Uuid{{9}}, .is_controller = false};
  CHECK_FALSE(waits_for(judge_servers(broker, {fresh(2, {2, 3}), fresh(3, {2, 3})})).empty());
  auto has_decided = fresh(2, {2, 3});
  has_decided.description->is_undecided = false;
  CHECK(decided(judge_servers(broker, {has_decided})).bootstrap.is_empty());
  CHECK(decided(judge_servers(broker, {formed(2, voters({5}))})).bootstrap.is_empty());
}
