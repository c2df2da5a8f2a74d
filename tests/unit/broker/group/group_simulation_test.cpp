#include <cstdlib>
#include <random>
#include <set>

#include "tests/unit/broker/group/group_harness.hpp"

namespace sluice::test {
namespace {

constexpr int kPartitions = 6;
constexpr int kClients = 5;
constexpr int kSteps = 600;

/// A consumer as sane clients are: joins, syncs, beats, commits what it owns; and loses answers, dies, comes back.
struct Client {
  std::optional<std::string> instance;
  std::string member;
  std::int32_t generation = -1;
  std::set<int> owned;
  std::optional<GroupHarness::Ticket> joining;
  std::optional<GroupHarness::Ticket> syncing;

  void forget() {
    Client fresh;
    fresh.instance = instance;
    *this = fresh;
  }
};

/// Random consumers of one group, on appends that are committed late, with restarts of the coordinator in between.
class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed), groups_(settings()) {
    groups_.commits_at_once = false;
    for (int i = 0; i < kClients; ++i) {
      auto& client = clients_.emplace_back();
      if (i == 0) client.instance = "static";
    }
  }

  /// Returns how often a partition was handed to a member, so that a test can tell that something happened.
  std::size_t run() {
    for (int i = 0; i < kSteps; ++i) {
      step();
      collect_answers();
      check();
    }
    settle();
    return handed_out_;
  }

 private:
  static broker::config::GroupSettings settings() { return {.initial_rebalance_delay = milliseconds{500}}; }

  int roll(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }

  void step() {
    auto& client = clients_[static_cast<std::size_t>(roll(kClients))];
    const int dice = roll(100);
    if (dice < 15) return join(client);
    if (dice < 45) return beat(client);
    if (dice < 65) return commit(client);
    if (dice < 67) return client.forget();  // crashed: the broker finds out by itself
    if (dice < 69) return leave(client);
    if (dice < 72) return repeat(client);
    if (dice < 85) return groups_.commit_appends(1 + static_cast<std::size_t>(roll(3)));
    if (dice < 99) return groups_.pass(milliseconds{roll(1500)});
    if (roll(2) == 0) restart();
  }

  void join(Client& client) {
    if (client.joining || client.syncing) return;
    auto request = join_request("g", client.member);
    request.group_instance_id = client.instance;
    client.owned.clear();
    client.joining = groups_.join(request);
  }

  void beat(Client& client) {
    if (client.member.empty() || client.joining || client.syncing) return;
    const auto error = groups_.heartbeat("g", client.member, client.generation);
    if (error == ErrorCode::rebalance_in_progress || error == ErrorCode::illegal_generation) return join(client);
    if (error != ErrorCode::none) client.forget();
  }

  void commit(Client& client) {
    if (client.owned.empty() || client.joining || client.syncing) return;
    const int partition = *client.owned.begin();
    auto& position = positions_[partition];
    if (groups_.commit("g", client.member, client.generation, "t", partition, position + 1) == ErrorCode::none) {
      ++position;
    }
  }

  void leave(Client& client) {
    if (client.member.empty() || client.joining || client.syncing) return;
    groups_.leave("g", client.member, client.instance);
    client.forget();
  }

  /// Sends a request again whose answer was lost on the way.
  void repeat(Client& client) {
    if (client.member.empty()) return;
    client.joining.reset();
    client.syncing.reset();
    join(client);
  }

  void collect_answers() {
    for (auto& client : clients_) {
      if (client.joining) {
        if (const auto answer = groups_.joined(*client.joining)) on_joined(client, *answer);
      }
      if (client.syncing) {
        if (const auto answer = groups_.synced(*client.syncing)) on_synced(client, *answer);
      }
    }
  }

  void on_joined(Client& client, const protocol::JoinGroupResponse& answer) {
    client.joining.reset();
    if (answer.error_code == ErrorCode::member_id_required) {
      client.member = answer.member_id;
      return join(client);
    }
    if (answer.error_code != ErrorCode::none) return client.forget();
    client.member = answer.member_id;
    client.generation = answer.generation_id;
    auto request = sync_request("g", answer);
    if (answer.leader == client.member && !answer.skip_assignment) request = assignment_by(answer);
    client.syncing = groups_.sync(request);
  }

  /// Partitions dealt out one by one; each assignment is a text of digits.
  static protocol::SyncGroupRequest assignment_by(const protocol::JoinGroupResponse& leader) {
    std::map<std::string, std::string> assignments;
    REQUIRE_FALSE(leader.members.empty());
    for (int partition = 0; partition < kPartitions; ++partition) {
      const auto index = static_cast<std::size_t>(partition) % leader.members.size();
      assignments[leader.members[index].member_id] += static_cast<char>('0' + partition);
    }
    return sync_request("g", leader, assignments);
  }

  void on_synced(Client& client, const protocol::SyncGroupResponse& answer) {
    client.syncing.reset();
    client.owned.clear();
    if (answer.error_code == ErrorCode::rebalance_in_progress) return join(client);
    if (answer.error_code != ErrorCode::none) return client.forget();
    for (const char digit : as_text(answer.assignment)) {
      client.owned.insert(digit - '0');
      ++handed_out_;
      const auto earlier =
          owners_.emplace(std::pair{client.generation, digit - '0'}, client.instance.value_or(client.member));
      // Whoever is handed a partition is the only one in this generation; a static member keeps its place.
      REQUIRE(earlier.first->second == client.instance.value_or(client.member));
    }
  }

  void check() {
    for (int partition = 0; partition < kPartitions; ++partition) {
      const auto offset = groups_.fetched("g", "t", partition);
      auto& highest = fetched_.try_emplace(partition, kNoOffset).first->second;
      REQUIRE(offset >= highest);
      highest = std::max(highest, offset);
      REQUIRE(offset.value() <= std::max<std::int64_t>(positions_[partition], -1));
    }
    const auto* group = groups_.shard.find_classic("g");
    if (group == nullptr) return;
    REQUIRE(group->generation_id() >= generation_);
    generation_ = group->generation_id();
    REQUIRE(group->leader().empty() == group->members().empty());
    REQUIRE((group->leader().empty() || group->members().contains(group->leader())));
    for (const auto& [id, member] : group->members()) {
      REQUIRE((!member.join || group->state() == ClassicState::preparing_rebalance));
      REQUIRE((!member.sync || group->state() == ClassicState::completing_rebalance));
    }
    const auto due = groups_.shard.next_deadline();
    REQUIRE((group->is_deserted() || due || groups_.uncommitted() > 0));
  }

  /// What is durable is the same when it is replayed from the log.
  void check_replay() {
    const auto loaded = groups_.reloaded();
    const auto* live_offsets = groups_.shard.find_offsets("g");
    const auto* live_group = groups_.shard.find_classic("g");
    const broker::group::Offsets none;
    const auto* loaded_offsets = loaded.find_offsets("g");
    REQUIRE((live_offsets ? *live_offsets : none) == (loaded_offsets ? *loaded_offsets : none));
    const auto* loaded_group = loaded.find_classic("g");
    const auto stored = loaded_group ? loaded_group->stored() : std::nullopt;
    REQUIRE((live_group ? live_group->stored() : std::nullopt) == stored);
  }

  void restart() {
    check_replay();
    groups_.restart();
    for (auto& client : clients_) {
      client.joining.reset();
      client.syncing.reset();
    }
    // A generation that was not stored never handed out a partition: its number comes again.
    const auto* group = groups_.shard.find_classic("g");
    generation_ = group == nullptr ? 0 : group->generation_id();
    std::erase_if(owners_, [&](const auto& entry) { return entry.first.first > generation_; });
  }

  void settle() {
    groups_.commit_appends();
    check_replay();
    groups_.pass(std::chrono::minutes{30});  // everybody is silent
    groups_.commit_appends();
    REQUIRE((groups_.state("g") == "Empty" || groups_.state("g") == "Dead"));
    check_replay();
  }

  std::mt19937 random_;
  GroupHarness groups_;
  std::vector<Client> clients_;
  std::map<int, std::int64_t> positions_;
  std::map<int, Offset> fetched_;
  std::map<std::pair<std::int32_t, int>, std::string> owners_;
  std::int32_t generation_ = 0;
  std::size_t handed_out_ = 0;
};

}  // namespace

TEST_CASE("groups of random consumers keep their promises, through crashes of either side", "[group]") {
  const char* wanted = std::getenv("SLUICE_SEED");
  const unsigned first = wanted == nullptr ? 1 : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
  const unsigned count = wanted == nullptr ? 500 : 1;
  std::size_t handed_out = 0;
  for (unsigned seed = first; seed < first + count; ++seed) {
    INFO("SLUICE_SEED=" << seed);
    handed_out += Simulation{seed}.run();
  }
  CHECK(handed_out > 20 * count);
}

}  // namespace sluice::test
