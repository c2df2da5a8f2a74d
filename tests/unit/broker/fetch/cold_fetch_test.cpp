// Fetches of records that are not in memory, over real files behind a page cache that forgets when it is told to.
#include <catch2/catch.hpp>
#include <future>

#include "broker/fetch/fetch_operation.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/services.hpp"
#include "storage/log_manager.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/cold_file_system.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_request.hpp"
#include "tests/support/partition_harness.hpp"
#include "tests/support/temp_directory.hpp"

namespace sluice::broker::fetch {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;
using protocol::FetchResponse;
using test::Bytes;
constexpr int kPartitions = 3;
constexpr int kBatches = 12;
constexpr std::size_t kValueBytes = 3'000;  // ten to a batch: a slice of one is spliced, not copied

/// What a fetch answered: the records of each partition, put together from copies and slices.
struct Answer {
  std::vector<ErrorCode> errors{};
  std::vector<Bytes> records{};
};

struct Broker {
  Broker() {
    partitions.apply(created_topic(), kNow);
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      for (int i = 0; i < kBatches; ++i) append(p, 10, kValueBytes);
    }
    thread.start();
  }
  ~Broker() {
    thread.stop();
    pool.finish();
  }

  controller::MetadataDelta created_topic() {
    cluster.create("t", kPartitions);
    return cluster.state.take_change().delta;
  }
  void append(std::int32_t partition, int records, std::size_t value_bytes) {
    auto bytes = test::batch_of(records, value_bytes);
    const auto of = partitions.find("t", PartitionId{partition});
    REQUIRE(of != nullptr);
    // kNow is long ago by the clock: nothing counts as recent.
    const auto appended = of->append(*record::MutableBatch::parse(bytes), kNow);
    REQUIRE(appended.has_value());
    REQUIRE(test::eventually([&] { return of->high_watermark() > appended->last_offset; }));
  }

  template <class Work>
  auto on_thread(Work work) {
    std::promise<decltype(work())> done;
    thread.post([&] { done.set_value(work()); });
    return done.get_future().get();
  }

  /// Runs a fetch on the io thread to its end.
  Answer fetch(std::vector<FetchTarget> targets, FetchLimits limits);
  int io_thread_waits() {
    return fs.waits_of(on_thread([] { return std::this_thread::get_id(); }));
  }

  static constexpr Timestamp kNow = test::kSomeTime;
  test::TempDirectory directory;
  test::ColdFileSystem fs{storage::posix_file_system()};
  test::FakeBroker fake;
  test::FakeCluster cluster;
  config::BrokerConfig config;
  config::BrokerSettings settings;
  metrics::BrokerMetrics metrics{{}, {}, "test"};
  std::unique_ptr<storage::LogManager> logs =
      storage::LogManager::open(fs, {directory.path("data")}, {.cluster_id = "c", .node_id = BrokerId{1}}).value();
  replication::LogSyncer syncer{1, metrics};
  test::NoReplicaEvents events;
  replication::PartitionTable partitions{*logs, syncer, events, config, settings};
  FetchSessionCache sessions{10};
  BlockingPool pool{2, "test-bg"};
  IoThread thread{0};
  ConnectionInfo connection{};
  alignas(std::max_align_t) std::byte nothing[64]{};
  Services services{.settings = settings,
                    .config = config,
                    .controller = fake.controller,
                    .images = fake.controller,
                    .partitions = partitions,
                    .mover = *reinterpret_cast<replication::ReplicaMover*>(nothing),
                    .fetch_sessions = sessions,
                    .replica_fetches = *reinterpret_cast<ReplicaFetchSessions*>(nothing),
                    .groups = *reinterpret_cast<group::GroupCoordinatorDriver*>(nothing),
                    .producer_ids = *reinterpret_cast<ProducerIds*>(nothing),
                    .peers = *reinterpret_cast<peer::PeerService*>(nothing),
                    .metrics = metrics,
                    .background = pool};
};

/// Keeps the answer, on the thread that gives it.
struct Sink final : ResponseSink {
  Sink(Broker& of, std::promise<Answer>& into)
      : broker(of),
        answered(into),
        given{.services = of.services, .connection = of.connection, .io_thread = of.thread} {}

  RequestContext& context() noexcept override { return given; }
  void answer(const void* message, std::vector<storage::LogSlice> slices) override {
    CHECK(broker.thread.is_current());
    const auto& response = *static_cast<const FetchResponse*>(message);
    Answer whole;
    std::size_t slice = 0;
    for (const auto& topic : response.responses) {
      for (const auto& data : topic.partitions) {
        whole.errors.push_back(data.error_code);
        Bytes records(data.records.size());
        if (data.records.is_spliced()) {
          // As sendfile would: it must find everything in memory.
          CHECK(slices.at(slice).read(records, storage::ReadMode::cached_only).has_value());
          ++slice;
        } else {
          std::ranges::copy(data.records.bytes(), records.begin());
        }
        whole.records.push_back(std::move(records));
      }
    }
    CHECK(slice == slices.size());
    answered.set_value(std::move(whole));
  }
  void answer_nothing() override {}
  void abandon() override {}

  Broker& broker;
  std::promise<Answer>& answered;
  RequestContext given;
};

Answer Broker::fetch(std::vector<FetchTarget> targets, FetchLimits limits) {
  std::promise<Answer> answered;
  thread.post([&] {
    std::make_shared<FetchOperation>(services, thread, FetchPlan{.targets = std::move(targets)}, limits,
                                     FetchOperation::Respond{std::make_unique<Sink>(*this, answered)})
        ->start();
  });
  auto answer = answered.get_future();
  if (answer.wait_for(20s) != std::future_status::ready) FAIL("no answer");
  return answer.get();
}

FetchLimits limits(std::int32_t bytes_min = 1, std::int32_t bytes_max = 1 << 30) {
  return {.bytes_min = bytes_min,
          .bytes_max = bytes_max,
          .wait_max = 50ms,
          .read_committed = false,
          .by_topic_id = false,
          .zstd_readable = true,
          .names_leader = true};
}

std::vector<FetchTarget> from_start(std::int32_t bytes_max = 1 << 30) {
  std::vector<FetchTarget> targets;
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    targets.push_back({.topic = "t", .topic_id = {}, .partition = PartitionId{p}, .bytes_max = bytes_max});
  }
  return targets;
}

int batches_in(const Bytes& bytes) {
  int count = 0;
  record::BatchWalker walker{bytes};
  while (const auto batch = walker.next()) {
    CHECK(batch->crc_matches());
    ++count;
  }
  CHECK(walker.rest().empty());
  return count;
}

std::vector<int> batches_in(const Answer& answer) {
  std::vector<int> counts;
  for (const auto& records : answer.records) counts.push_back(batches_in(records));
  return counts;
}

}  // namespace

TEST_CASE("what is in memory is read on the io thread at once", "[fetch]") {
  Broker broker;
  CHECK(batches_in(broker.fetch(from_start(), limits())) == std::vector(kPartitions, kBatches));
  CHECK(broker.metrics.cold_reads_total.value() == 0);
  CHECK(broker.io_thread_waits() == 0);
}

TEST_CASE("what is not in memory is read in the background, and the io thread never waits", "[fetch]") {
  Broker broker;
  broker.fs.drop_cache();
  SECTION("records that are spliced") {
    const auto answer = broker.fetch(from_start(), limits());
    CHECK(batches_in(answer) == std::vector(kPartitions, kBatches));
    CHECK(broker.metrics.cold_reads_total.value() == 1);
    CHECK(broker.metrics.cold_read_bytes_total.value() ==
          answer.records[0].size() + answer.records[1].size() + answer.records[2].size());
    CHECK(broker.metrics.cold_read_latency.snapshot().count() == 1);
  }
  SECTION("a batch small enough to be copied") {
    broker.append(0, 1, 100);
    broker.fs.drop_cache();
    auto targets = from_start();
    targets.resize(1);
    targets[0].fetch_offset = Offset{kBatches * 10};
    CHECK(batches_in(broker.fetch(targets, limits())) == std::vector{1});
    CHECK(broker.metrics.cold_reads_total.value() == 1);
  }
  SECTION("indexes") {
    broker.fs.mappings_cached = false;
    CHECK(batches_in(broker.fetch(from_start(), limits())) == std::vector(kPartitions, kBatches));
  }
  CHECK(broker.io_thread_waits() == 0);
}

TEST_CASE("a fetch of which one partition is not in memory is answered whole, in its order", "[fetch]") {
  Broker broker;
  broker.fs.drop_cache();
  auto one = from_start();
  one.erase(one.begin() + 1, one.end());
  REQUIRE(batches_in(broker.fetch(one, limits())) == std::vector{kBatches});
  CHECK(batches_in(broker.fetch(from_start(), limits())) == std::vector(kPartitions, kBatches));
  CHECK(broker.metrics.cold_reads_total.value() == 2);
  CHECK(broker.io_thread_waits() == 0);
}

TEST_CASE("limits mean for a cold read what they mean for any", "[fetch]") {
  const bool cold = GENERATE(false, true);
  CAPTURE(cold);
  Broker broker;
  const auto batch_bytes = static_cast<std::int32_t>(test::batch_of(10, kValueBytes).size());
  const auto ask = [&](std::int32_t partition_bytes, FetchLimits of_all) {
    if (cold) broker.fs.drop_cache();
    return batches_in(broker.fetch(from_start(partition_bytes), of_all));
  };
  CHECK(ask(1, limits()) == std::vector{1, 0, 0});  // KIP-74: the first batch whatever its size
  CHECK(ask(2 * batch_bytes, limits()) == std::vector{2, 2, 2});
  CHECK(ask(1 << 30, limits(1, 5 * batch_bytes)) == std::vector{5, 0, 0});
  CHECK(ask(4 * batch_bytes, limits(1, 7 * batch_bytes)) == std::vector{4, 3, 0});
  CHECK(broker.io_thread_waits() == 0);
}

TEST_CASE("a cold fetch that finds less than it wants waits for its time, then answers what there is", "[fetch]") {
  Broker broker;
  broker.fs.drop_cache();
  const auto begin = std::chrono::steady_clock::now();
  auto of_all = limits(1 << 30);
  of_all.wait_max = 200ms;
  CHECK(batches_in(broker.fetch(from_start(), of_all)) == std::vector(kPartitions, kBatches));
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
  CHECK(broker.io_thread_waits() == 0);
}

TEST_CASE("without read-ahead the io thread waits for the disk itself", "[fetch]") {
  Broker broker;
  broker.settings.cold_read_ahead = false;
  broker.fs.drop_cache();
  auto small = from_start();
  small.resize(1);
  broker.append(0, 1, 100);
  broker.fs.drop_cache();
  small[0].fetch_offset = Offset{kBatches * 10};
  CHECK(batches_in(broker.fetch(small, limits())) == std::vector{1});
  CHECK(broker.metrics.cold_reads_total.value() == 0);
  CHECK(broker.io_thread_waits() > 0);
}

TEST_CASE("errors of a cold fetch are answered beside the records of others", "[fetch]") {
  Broker broker;
  broker.fs.drop_cache();
  auto targets = from_start();
  targets[1].fetch_offset = Offset{100'000};
  const auto answer = broker.fetch(targets, limits());
  CHECK(answer.errors == std::vector{ErrorCode::none, ErrorCode::offset_out_of_range, ErrorCode::none});
  CHECK(batches_in(answer) == std::vector{kBatches, 0, kBatches});
}

}  // namespace sluice::broker::fetch
