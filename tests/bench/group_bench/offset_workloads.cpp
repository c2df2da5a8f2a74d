// Workloads of committed offsets.

#include <algorithm>
#include <memory>
#include <thread>

#include "protocol/error_code.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "tests/bench/group_bench/broker_setup.hpp"
#include "tests/bench/group_bench/member.hpp"
#include "tests/bench/group_bench/server_process.hpp"
#include "tests/bench/group_bench/workloads.hpp"

namespace sluice::bench {
namespace {

using protocol::ErrorCode;

constexpr std::chrono::seconds kPatience{180};
constexpr std::size_t kBacklogMax = 200'000;    // what is further behind than this does not keep up
constexpr const char* kWritten = "group-load";  // names the topic and the groups of `run_write`

Offset offset_of(int group, int partition) { return Offset{1'000'000L * group + partition + 1}; }

void check(const protocol::OffsetCommitResponse& response) {
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code == ErrorCode::none) continue;
      fail("a commit is refused: error code " + std::to_string(static_cast<int>(partition.error_code)));
    }
  }
}

/// Groups that commit: those with an even index have a member, the others have none.
class Committers {
 public:
  Committers(RequestLoop& loop, const Topic& topic, const Options& options) : loop_(loop), topic_(topic) {
    std::vector<std::string> ids;
    for (int i = 0; i < options.groups; ++i) ids.push_back(topic.name + "-" + std::to_string(i));
    find_coordinators(loop, loop.connect(), ids);
    groups_.resize(ids.size());
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      groups_[i].id = ids[i];
      groups_[i].topic = &topic;
      members_.push_back(i % 2 == 0 ? make_classic_member(loop, groups_[i], options) : nullptr);
      if (members_[i] == nullptr) continue;
      groups_[i].size = 1;
      members_[i]->join();
    }
    const bool ready = loop.run_until(
        [&] {
          return std::all_of(groups_.begin(), groups_.end(), [](const auto& group) { return group.is_settled(); });
        },
        Clock::now() + kPatience);
    if (!ready) fail("groups: not in time");
    for (int i = 0; i < options.connections; ++i) connections_.push_back(&loop.connect());
  }

  std::size_t connections() const noexcept { return connections_.size(); }

  /// The next of the groups, over the next of the connections or the `connection`-th.
  template <class Answered>
  void commit(Answered answered) {
    commit(next_ % connections_.size(), std::move(answered));
  }
  template <class Answered>
  void commit(std::size_t connection, Answered answered) {
    const auto index = next_++;
    const auto at = index % groups_.size();
    protocol::OffsetCommitRequest request;
    request.group_id = groups_[at].id;
    if (members_[at]) {
      request.member_id = members_[at]->id();
      request.generation_id_or_member_epoch = members_[at]->epoch();
    }
    auto& topic = request.topics.emplace_back();
    topic.name = topic_.name;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index =
        PartitionId{static_cast<std::int32_t>(index / groups_.size() % static_cast<std::size_t>(topic_.partitions))};
    partition.committed_offset = Offset{static_cast<std::int64_t>(index)};
    ++in_flight_;
    loop_.call<protocol::OffsetCommit>(*connections_[connection], request,
                                       [this, answered](const protocol::OffsetCommitResponse& response) {
                                         check(response);
                                         --in_flight_;
                                         answered();
                                       });
  }
  std::size_t in_flight() const noexcept { return in_flight_; }
  void wait() {
    if (!loop_.run_until([&] { return in_flight_ == 0; }, Clock::now() + kPatience)) fail("commits: not in time");
  }

 private:
  RequestLoop& loop_;
  const Topic& topic_;
  std::vector<GroupProgress> groups_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<LoopConnection*> connections_;
  std::size_t next_ = 0;
  std::size_t in_flight_ = 0;
};

Figures commit_at_rate(RequestLoop& loop, const ServerProcess& server, Committers& committers, const Options& options) {
  const auto warm = static_cast<std::size_t>(options.rate);  // the first second does not count
  const auto total = warm + static_cast<std::size_t>(options.rate * options.seconds);
  const auto began = Clock::now() + std::chrono::milliseconds{10};
  const auto due = [&](std::size_t i) {
    const auto after = std::chrono::duration<double>{static_cast<double>(i) / options.rate};
    return began + std::chrono::duration_cast<Clock::duration>(after);
  };
  std::vector<double> took;
  took.reserve(total);
  double cpu = 0;
  for (std::size_t sent = 0; sent < total && committers.in_flight() < kBacklogMax;) {
    for (const auto now = Clock::now(); sent < total && due(sent) <= now; ++sent) {
      if (sent == warm) cpu = server.cpu_seconds();
      committers.commit([&took, at = due(sent), counts = sent >= warm] {
        if (counts) took.push_back(1000 * seconds_between(at, Clock::now()));
      });
    }
    loop.run_for(std::chrono::milliseconds{1});
  }
  const auto ended_sending = Clock::now();
  const auto in_time = static_cast<double>(took.size());
  cpu = server.cpu_seconds() - cpu;
  committers.wait();
  const auto seconds = seconds_between(due(warm), ended_sending);
  return {{"rate", in_time / seconds},
          {"p50_ms", percentile(took, 0.5)},
          {"p99_ms", percentile(took, 0.99)},
          {"cpu_percent", 100 * cpu / seconds}};
}

Figures commit_at_most(RequestLoop& loop, const ServerProcess& server, Committers& committers, const Options& options) {
  bool stopping = false;
  std::size_t answered = 0;
  std::function<void(std::size_t)> again = [&](std::size_t connection) {
    committers.commit(connection, [&, connection] {
      ++answered;
      if (!stopping) again(connection);
    });
  };
  for (std::size_t i = 0; i < committers.connections(); ++i) {
    for (int j = 0; j < options.in_flight; ++j) again(i);
  }
  loop.run_for(std::chrono::seconds{1});
  const auto cpu = server.cpu_seconds();
  const auto began = Clock::now();
  answered = 0;
  loop.run_for(std::chrono::milliseconds{static_cast<long>(1000 * options.seconds)});
  const auto seconds = seconds_between(began, Clock::now());
  const Figures figures{{"max_rate", static_cast<double>(answered) / seconds},
                        {"max_cpu_percent", 100 * (server.cpu_seconds() - cpu) / seconds}};
  stopping = true;
  committers.wait();
  return figures;
}

std::string written_group(int index) { return std::string{kWritten} + "-" + std::to_string(index); }

protocol::OffsetCommitRequest commit_of_all(int group, int partitions) {
  protocol::OffsetCommitRequest request;
  request.group_id = written_group(group);
  auto& topic = request.topics.emplace_back();
  topic.name = kWritten;
  for (int p = 0; p < partitions; ++p) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = PartitionId{p};
    partition.committed_offset = offset_of(group, p);
  }
  return request;
}

client::WireConnection connect_when_listening(const Options& options) {
  const auto limit = Clock::now() + kPatience;
  for (;;) {
    auto opened = client::WireConnection::open(options.host, options.port, kPatience);
    if (opened) return std::move(*opened);
    if (Clock::now() > limit) fail("connect: " + opened.error().message());
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
}

/// False while the group's coordinator is not there yet.
bool fetch_written(client::WireConnection& connection, int group, const std::vector<int>& partitions, bool all) {
  protocol::OffsetFetchRequest request;
  auto& asked = request.groups.emplace_back();
  asked.group_id = written_group(group);
  if (all) {
    asked.topics.reset();
  } else {
    auto& topic = asked.topics->emplace_back();
    topic.name = kWritten;
    for (const auto p : partitions) topic.partition_indexes.emplace_back(p);
  }
  const auto fetched = connection.call<protocol::OffsetFetch>(request, kNewest<protocol::OffsetFetch>);
  if (!fetched) fail("fetch: " + fetched.error().message());
  const auto& got = fetched->groups.at(0);
  if (got.error_code == ErrorCode::coordinator_load_in_progress || got.error_code == ErrorCode::not_coordinator ||
      got.error_code == ErrorCode::coordinator_not_available) {
    return false;
  }
  if (got.error_code != ErrorCode::none) fail("fetch: error code " + std::to_string(static_cast<int>(got.error_code)));
  const auto& answers = got.topics.at(0).partitions;
  if (answers.size() != partitions.size()) fail("fetch: offsets are missing");
  for (const auto& answer : answers) {
    if (answer.committed_offset != offset_of(group, answer.partition_index.value())) fail("fetch: a wrong offset");
  }
  return true;
}

}  // namespace

Figures run_commits(const Options& options) {
  RequestLoop loop{options.host, options.port};
  const ServerProcess server{options.server_pid};
  Topic topic{fresh_name("commits"), {}, options.partitions};
  topic.id = create_topic(loop, loop.connect(), topic.name, topic.partitions);
  Committers committers{loop, topic, options};
  auto figures = commit_at_rate(loop, server, committers, options);
  const auto most = commit_at_most(loop, server, committers, options);
  figures.insert(figures.end(), most.begin(), most.end());
  return figures;
}

Figures run_write(const Options& options) {
  RequestLoop loop{options.host, options.port};
  const ServerProcess server{options.server_pid};
  auto& control = loop.connect();
  create_topic(loop, control, kWritten, options.partitions);
  std::vector<std::string> ids;
  for (int i = 0; i < options.groups; ++i) ids.push_back(written_group(i));
  find_coordinators(loop, control, ids);
  const auto held_before = server.held_bytes();
  const auto began = Clock::now();
  std::vector<LoopConnection*> connections;
  for (int i = 0; i < std::min(options.connections, 16); ++i) connections.push_back(&loop.connect());
  int next = 0;
  int answered = 0;
  std::function<void(LoopConnection&)> write = [&](LoopConnection& connection) {
    if (next == options.groups) return;
    loop.call<protocol::OffsetCommit>(connection, commit_of_all(next++, options.partitions), [&](const auto& response) {
      check(response);
      ++answered;
      write(connection);
    });
  };
  for (auto* connection : connections) write(*connection);
  if (!loop.run_until([&] { return answered == options.groups; }, Clock::now() + kPatience)) fail("not in time");
  const auto offsets = static_cast<double>(options.groups) * options.partitions;
  const auto seconds = seconds_between(began, Clock::now());
  return {{"offsets", offsets},
          {"write_s", seconds},
          {"bytes_per_offset", (server.held_bytes() - held_before) / offsets},
          {"resident_mib", server.resident_bytes() / (1 << 20)}};
}

Figures run_read(const Options& options) {
  const ServerProcess server{options.server_pid};
  auto connection = connect_when_listening(options);
  const auto since_start = [&] { return seconds_between(Clock::time_point{}, Clock::now()) - options.started; };
  const auto listening = since_start();
  std::vector<int> groups;
  for (int i = 0; i < options.sample; ++i) groups.push_back(static_cast<int>(1L * i * options.groups / options.sample));
  std::vector<double> answered;
  while (!groups.empty()) {
    const auto left = groups.size();
    std::erase_if(groups, [&](int group) {
      if (!fetch_written(connection, group, {0, options.partitions - 1}, false)) return false;
      answered.push_back(since_start());
      return true;
    });
    if (groups.size() == left) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  Figures figures{{"listening_s", listening},
                  {"first_answer_s", answered.front()},
                  {"all_answer_s", answered.back()},
                  {"cpu_s", server.cpu_seconds()}};
  std::vector<int> partitions;
  for (int p = 0; p < options.partitions; ++p) partitions.push_back(p);
  std::vector<double> took;
  for (int i = 0; i < 5; ++i) {
    const auto began = Clock::now();
    if (!fetch_written(connection, 0, partitions, true)) fail("the coordinator is gone again");
    took.push_back(1000 * seconds_between(began, Clock::now()));
  }
  figures.emplace_back("fetch_all_ms", percentile(took, 0.5));
  figures.emplace_back("held_mib", server.held_bytes() / (1 << 20));
  figures.emplace_back("resident_mib", server.resident_bytes() / (1 << 20));
  return figures;
}

}  // namespace sluice::bench
