// Workloads of members: many small groups, and one large.

#include <algorithm>
#include <memory>

#include "tests/bench/group_bench/broker_setup.hpp"
#include "tests/bench/group_bench/member.hpp"
#include "tests/bench/group_bench/server_process.hpp"
#include "tests/bench/group_bench/workloads.hpp"

namespace sluice::bench {
namespace {

constexpr std::chrono::seconds kPatience{180};

using Members = std::vector<std::unique_ptr<Member>>;

void wait_for(RequestLoop& loop, const std::string& what, const std::function<bool()>& done) {
  if (!loop.run_until(done, Clock::now() + kPatience)) fail(what + ": not in time");
}

/// One change of a large group.
struct Change {
  double total_ms;   ///< from the change until all members are at rest
  double settle_ms;  ///< of that, after the last member had asked for its part
  double cpu_ms;     ///< of the server
};

/// `change` leads to a new epoch, which all of `members` shall come to.
template <class Act>
Change measure(RequestLoop& loop, const ServerProcess& server, GroupProgress& group, const Members& members, Act act) {
  std::int32_t before = 0;
  for (const auto& member : members) before = std::max(before, member->epoch());
  const auto cpu = server.cpu_seconds();
  const auto began = Clock::now();
  act();
  wait_for(loop, "a rebalance", [&] {
    return group.is_settled() &&
           std::all_of(members.begin(), members.end(), [&](const auto& member) { return member->epoch() > before; });
  });
  const auto ended = Clock::now();
  return {1000 * seconds_between(began, ended), 1000 * seconds_between(group.last_request_at, ended),
          1000 * (server.cpu_seconds() - cpu)};
}

void add(Figures& figures, const std::string& name, const std::vector<Change>& changes) {
  const auto median = [&](double Change::*figure) {
    std::vector<double> values;
    for (const auto& change : changes) values.push_back(change.*figure);
    return percentile(values, 0.5);
  };
  figures.emplace_back(name + "_ms", median(&Change::total_ms));
  figures.emplace_back(name + "_settle_ms", median(&Change::settle_ms));
  figures.emplace_back(name + "_cpu_ms", median(&Change::cpu_ms));
}

}  // namespace

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

Figures run_groups(const Options& options) {
  RequestLoop loop{options.host, options.port};
  const ServerProcess server{options.server_pid};
  auto& control = loop.connect();
  Topic topic{fresh_name("groups"), {}, options.partitions};
  topic.id = create_topic(loop, control, topic.name, topic.partitions);
  std::vector<std::string> ids;
  for (int i = 0; i < options.groups; ++i) ids.push_back(topic.name + "-" + std::to_string(i));
  find_coordinators(loop, control, ids);
  std::vector<GroupProgress> groups(ids.size());
  Members members;
  for (int m = 0; m < options.members; ++m) {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      groups[g].id = ids[g];
      groups[g].topic = &topic;
      groups[g].size = static_cast<std::size_t>(options.members);
      members.push_back(make_member(loop, groups[g], options));
    }
  }
  loop.run_for(std::chrono::seconds{2});  // the server has taken all connections
  const auto held_before = server.held_bytes();
  const auto cpu_before = server.cpu_seconds();
  const auto began = Clock::now();
  for (const auto& member : members) member->join();
  wait_for(loop, "groups", [&] {
    return std::all_of(groups.begin(), groups.end(), [](const auto& group) { return group.is_settled(); });
  });
  const auto stable = Clock::now();
  const auto cpu_stable = server.cpu_seconds();
  const auto held = server.held_bytes() - held_before;

  loop.run_for(std::chrono::milliseconds{options.heartbeat_ms});
  const auto heartbeats = [&] {
    std::uint64_t sum = 0;
    for (const auto& group : groups) sum += group.heartbeats;
    return static_cast<double>(sum);
  };
  const auto heartbeats_before = heartbeats();
  const auto cpu_steady = server.cpu_seconds();
  loop.run_for(std::chrono::milliseconds{static_cast<long>(1000 * options.seconds)});
  return {{"stable_s", seconds_between(began, stable)},
          {"stable_cpu_s", cpu_stable - cpu_before},
          {"steady_cpu_percent", 100 * (server.cpu_seconds() - cpu_steady) / options.seconds},
          {"heartbeats_per_s", (heartbeats() - heartbeats_before) / options.seconds},
          {"bytes_per_group", held / static_cast<double>(groups.size())},
          {"resident_mib", server.resident_bytes() / (1 << 20)}};
}

Figures run_rebalance(const Options& options) {
  RequestLoop loop{options.host, options.port};
  const ServerProcess server{options.server_pid};
  auto& control = loop.connect();
  Topic topic{fresh_name("rebalance"), {}, options.partitions};
  topic.id = create_topic(loop, control, topic.name, topic.partitions);
  find_coordinators(loop, control, {topic.name});
  GroupProgress group{.id = topic.name, .topic = &topic};
  Members members;
  Members gone;  // what is on its way still refers to them
  const auto add_members = [&](int count) {
    group.size += static_cast<std::size_t>(count);
    for (int i = 0; i < count; ++i) members.push_back(make_member(loop, group, options));
    for (auto i = members.size() - static_cast<std::size_t>(count); i < members.size(); ++i) members[i]->join();
  };
  const auto began = Clock::now();
  const auto cpu = server.cpu_seconds();
  add_members(options.members - 1);
  wait_for(loop, "the group", [&] { return group.is_settled(); });
  Figures figures{{"form_s", seconds_between(began, Clock::now())},
                  {"form_cpu_ms", 1000 * (server.cpu_seconds() - cpu)}};
  std::vector<Change> joins;
  std::vector<Change> leaves;
  for (int round = 0; round < options.rounds; ++round) {
    loop.run_for(std::chrono::milliseconds{options.heartbeat_ms});
    joins.push_back(measure(loop, server, group, members, [&] { add_members(1); }));
    loop.run_for(std::chrono::milliseconds{options.heartbeat_ms});
    gone.push_back(std::move(members.back()));
    members.pop_back();
    leaves.push_back(measure(loop, server, group, members, [&] {
      --group.size;
      gone.back()->leave();
    }));
  }
  add(figures, "join", joins);
  add(figures, "leave", leaves);
  return figures;
}

}  // namespace sluice::bench
