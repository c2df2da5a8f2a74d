// What a consumer that reads old records from the disk does to those that live at the log's end, on the same io thread.
// Starts a broker of its own with one io thread, fills a topic, and measures acks=1 produce and tail fetch: alone,
// beside a reader whose records are in the page cache, and beside one whose records were dropped from it, with
// sluice.cold.read.ahead and without. A Markdown table.
//
//   cold_reads_bench SLUICED DIRECTORY [--gib 4] [--seconds 20] [--rate 500] [--port 21300] [--partition-bytes 1048576]
//
// Latencies count from when a produce was due, not from when it was sent: a stall delays all that fall into it. Tail
// latency is from then to the record's arrival at a consumer that waits. No rights are needed: each file that was read
// is dropped from the cache behind the reader, so that it never runs warm.
#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "client/wire_connection.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/fetch.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/record/batch_builder.hpp"
#include "protocol/record/record_stream.hpp"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;
namespace files = std::filesystem;
constexpr std::int16_t kProduceVersion = 9;
constexpr std::int16_t kFetchVersion = 12;
constexpr std::int16_t kCreateTopicsVersion = 5;
constexpr std::size_t kFillBatchBytes = 512 * 1024;
constexpr std::size_t kHotValueBytes = 1024;
constexpr auto kWarmUp = std::chrono::seconds{2};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "cold_reads_bench: %s\n", what.c_str());
  std::exit(1);
}

struct Options {
  std::string sluiced;
  std::string directory;
  double gib = 4;
  int seconds = 20;
  int rate = 500;  // produces a second
  int port = 21300;
  int partition_bytes = 1 << 20;  // what the reader asks for at a time
};

Options parse(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) fail("usage: cold_reads_bench SLUICED DIRECTORY [--name value]...");
  Options options{.sluiced = argv[1], .directory = argv[2]};
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--gib") {
      options.gib = std::stod(argv[i + 1]);
    } else if (name == "--seconds") {
      options.seconds = std::stoi(argv[i + 1]);
    } else if (name == "--rate") {
      options.rate = std::stoi(argv[i + 1]);
    } else if (name == "--port") {
      options.port = std::stoi(argv[i + 1]);
    } else if (name == "--partition-bytes") {
      options.partition_bytes = std::stoi(argv[i + 1]);
    } else {
      fail("unknown option " + name);
    }
  }
  return options;
}

std::uint16_t port16(int port) { return static_cast<std::uint16_t>(port); }

client::WireConnection connect(int port) {
  auto connection = client::WireConnection::open("127.0.0.1", port16(port), std::chrono::seconds{60});
  if (!connection) fail("can't connect: " + connection.error().message());
  return std::move(*connection);
}

/// A sluiced of one io thread; ends with SIGTERM.
class Broker {
 public:
  Broker(const Options& options, bool read_ahead) : port_(options.port) {
    std::vector<std::string> words{options.sluiced};
    for (const auto& setting :
         {std::string{"num.network.threads=1"}, std::string{"sluice.durability=os"},
          "listeners=PLAINTEXT://127.0.0.1:" + std::to_string(port_),
          "sluice.admin.listener=127.0.0.1:" + std::to_string(port_ + 1), "log.dirs=" + options.directory + "/data",
          std::string{"sluice.cold.read.ahead="} + (read_ahead ? "true" : "false")}) {
      words.emplace_back("--set");
      words.push_back(setting);
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto log = options.directory + "/sluiced.log";
    pid_ = ::fork();
    if (pid_ == 0) {
      const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      ::dup2(out, STDERR_FILENO);
      ::dup2(out, STDOUT_FILENO);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    for (int tries = 0; !client::WireConnection::open("127.0.0.1", port16(port_)).has_value(); ++tries) {
      if (tries == 600 || ::waitpid(pid_, nullptr, WNOHANG) != 0) fail("sluiced did not start, see " + log);
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  /// /proc/<pid>/task/<tid> of the io thread.
  std::string io_thread() const {
    for (const auto& task : files::directory_iterator{"/proc/" + std::to_string(pid_) + "/task"}) {
      std::string name;
      std::getline(std::ifstream{task.path() / "comm"}, name);
      if (name == "sluice-io-0") return task.path();
    }
    fail("no io thread");
  }

  /// The lines of the metrics page: name and labels to value.
  std::map<std::string, double> metrics() const {
    boost::asio::ip::tcp::iostream page{"127.0.0.1", std::to_string(port_ + 1)};
    page << "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n" << std::flush;
    std::map<std::string, double> values;
    for (std::string line; std::getline(page, line);) {
      const auto space = line.rfind(' ');
      if (line.rfind("sluice_", 0) == 0 && space != line.npos) {
        values[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
      }
    }
    return values;
  }

 private:
  int port_;
  pid_t pid_ = -1;
};

/// Latencies in microseconds.
class Latencies {
 public:
  void add(Clock::duration latency) { values_.push_back(std::chrono::duration<double, std::micro>(latency).count()); }
  double at(double share) {
    if (values_.empty()) return 0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(values_.size() - 1));
    std::nth_element(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(index), values_.end());
    return values_[index];
  }
  double max() { return at(1); }
  std::size_t count() const { return values_.size(); }

 private:
  std::vector<double> values_;
};

void create_topic(client::WireConnection& connection, const std::string& name) {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 30'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  auto& segment = topic.configs.emplace_back();
  segment.name = "segment.bytes";
  segment.value = std::to_string(256 << 20);
  const auto answer = connection.call<protocol::CreateTopics>(request, kCreateTopicsVersion);
  if (!answer || answer->topics.at(0).error_code != protocol::ErrorCode::none) fail("can't create topic " + name);
}

void produce(client::WireConnection& connection, const std::string& topic, MutableBytes batch) {
  protocol::ProduceRequest request;
  request.acks = 1;
  request.timeout_ms = 30'000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  data.partition_data.emplace_back().records = wire::Records::view(batch);
  const auto answer = connection.call<protocol::Produce>(request, kProduceVersion);
  if (!answer) fail("produce: " + answer.error().message());
  if (answer->responses.at(0).partition_responses.at(0).error_code != protocol::ErrorCode::none)
    fail("produce refused");
}

protocol::FetchRequest fetch_request(const std::string& topic, Offset from, int wait_ms, int partition_bytes) {
  protocol::FetchRequest request;
  request.min_bytes = 1;
  request.max_wait_ms = wait_ms;
  request.max_bytes = 50 << 20;
  auto& asked = request.topics.emplace_back();
  asked.topic = topic;
  auto& partition = asked.partitions.emplace_back();
  partition.fetch_offset = from;
  partition.partition_max_bytes = partition_bytes;
  return request;
}

const protocol::FetchResponse::PartitionData& only_partition(const Result<protocol::FetchResponse>& response) {
  if (!response) fail("fetch: " + response.error().message());
  const auto& data = response->responses.at(0).partitions.at(0);
  if (data.error_code != protocol::ErrorCode::none) fail("fetch refused");
  return data;
}

void fill(const Options& options) {
  Broker broker{options, true};
  auto connection = connect(options.port);
  create_topic(connection, "cold");
  std::string value(1000, 'x');
  record::BatchBuilder builder;
  while (builder.uncompressed_bytes() < kFillBatchBytes) builder.append({.value = as_byte_view(value)});
  const auto built = builder.build();
  std::vector<std::byte> batch{built.begin(), built.end()};
  const auto batches = static_cast<long>(options.gib * 1073741824.0 / static_cast<double>(batch.size()));
  for (long i = 0; i < batches; ++i) produce(connection, "cold", batch);
}

/// The segment files of the cold topic, with the offset that each begins at.
std::map<std::int64_t, std::vector<std::string>> segments_of_cold(const Options& options) {
  std::map<std::int64_t, std::vector<std::string>> segments;
  for (const auto& file : files::directory_iterator{options.directory + "/data/cold-0"}) {
    const auto name = file.path().filename().string();
    if (name.size() > 20 && name[0] == '0') segments[std::stoll(name.substr(0, 20))].push_back(file.path());
  }
  return segments;
}

void drop_from_cache(const std::vector<std::string>& paths) {
  for (const auto& path : paths) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

/// Reads from the start over and over.
struct Reader {
  const Options& options;
  bool drops;  // what it read, so that it is on the disk only when it comes by again
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<int> passes{0};
  Latencies fetches{};

  void run(const std::atomic<bool>& stop) {
    auto connection = connect(options.port);
    const auto segments = segments_of_cold(options);
    if (drops) {
      for (const auto& [base, paths] : segments) drop_from_cache(paths);
    }
    auto behind = segments.begin();
    for (Offset from{0}; !stop;) {
      const auto asked = Clock::now();
      const auto response =
          connection.call<protocol::Fetch>(fetch_request("cold", from, 0, options.partition_bytes), kFetchVersion);
      const auto& data = only_partition(response);
      fetches.add(Clock::now() - asked);
      bytes += data.records.size();
      for (record::BatchWalker walker{data.records.bytes()}; const auto batch = walker.next();) {
        from = batch->next_offset();
      }
      const bool at_end = from >= data.high_watermark;
      while (drops && behind != segments.end() &&
             (at_end || (std::next(behind) != segments.end() && std::next(behind)->first <= from.value()))) {
        drop_from_cache(behind->second);
        ++behind;
      }
      if (!at_end) continue;
      from = Offset{0};
      behind = segments.begin();
      ++passes;
    }
  }
};

/// One record every 1/rate seconds; its value begins with the time that it was due.
void run_producer(const Options& options, const std::string& topic, const std::atomic<bool>& measuring,
                  const std::atomic<bool>& stop, Latencies& latencies) {
  auto connection = connect(options.port);
  std::string value(kHotValueBytes, 'h');
  record::BatchBuilder builder;
  const auto interval = std::chrono::nanoseconds{1'000'000'000 / options.rate};
  for (auto due = Clock::now(); !stop; due += interval) {
    std::this_thread::sleep_until(due);
    const auto stamp = due.time_since_epoch().count();
    std::memcpy(value.data(), &stamp, sizeof stamp);
    builder.reset({});
    builder.append({.value = as_byte_view(value)});
    const auto built = builder.build();
    std::vector<std::byte> batch{built.begin(), built.end()};
    produce(connection, topic, batch);
    if (measuring) latencies.add(Clock::now() - due);
  }
}

void run_tail(const Options& options, const std::string& topic, const std::atomic<bool>& measuring,
              const std::atomic<bool>& stop, Latencies& latencies) {
  auto connection = connect(options.port);
  record::RecordStream stream;
  for (Offset from{0}; !stop;) {
    const auto response = connection.call<protocol::Fetch>(fetch_request(topic, from, 200, 1 << 20), kFetchVersion);
    const auto arrived = Clock::now();
    for (record::BatchWalker walker{only_partition(response).records.bytes()}; const auto batch = walker.next();) {
      from = batch->next_offset();
      if (!stream.start(*batch, std::size_t{1} << 20)) fail("a batch does not parse");
      for (auto next = stream.next(); next && *next; next = stream.next()) {
        Clock::rep stamp;
        std::memcpy(&stamp, (*next)->value->data(), sizeof stamp);
        if (measuring) latencies.add(arrived - Clock::time_point{Clock::duration{stamp}});
      }
    }
  }
}

/// How often a thread is found waiting for a disk, looked at every millisecond, and its longest run of such looks.
struct DiskWaits {
  std::uint64_t looks = 0;
  std::uint64_t waits = 0;
  std::uint64_t longest = 0;

  void run(const std::string& thread, const std::atomic<bool>& measuring, const std::atomic<bool>& stop) {
    const int file = ::open((thread + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
    std::uint64_t now = 0;
    for (char text[256]; !stop; std::this_thread::sleep_for(std::chrono::milliseconds{1})) {
      const auto count = ::pread(file, text, sizeof text - 1, 0);
      if (count <= 0 || !measuring) continue;
      text[count] = 0;
      const auto* name_end = std::strrchr(text, ')');
      const bool waits_now = name_end != nullptr && name_end[2] == 'D';
      ++looks;
      waits += waits_now ? 1 : 0;
      now = waits_now ? now + 1 : 0;
      longest = std::max(longest, now);
    }
    ::close(file);
  }
};

enum class Beside { nobody, cached_reader, cold_reader };

struct Outcome {
  Latencies produce{};
  Latencies tail{};
  Latencies reader_fetches{};
  double reader_mb_per_second = 0;
  DiskWaits io_thread{};
  double lag_max_ms = 0;  // the upper bound of the highest bucket that is not empty
  double cold_reads = 0;
  double cold_bytes = 0;
};

double highest_bucket_ms(const std::map<std::string, double>& before, const std::map<std::string, double>& after) {
  const std::string bucket = "sluice_event_loop_lag_seconds_bucket{le=\"";
  const auto value = [](const auto& map, const std::string& key) { return map.contains(key) ? map.at(key) : 0; };
  std::map<double, double> counts;  // cumulative
  for (const auto& [name, count] : after) {
    if (name.rfind(bucket, 0) != 0) continue;
    counts[std::strtod(name.c_str() + bucket.size(), nullptr)] = count - value(before, name);
  }
  double total = 0;
  for (const auto& [bound, count] : counts) total = std::max(total, count);
  for (const auto& [bound, count] : counts) {
    if (count == total) return bound * 1000;
  }
  return 0;
}

Outcome run(const Options& options, const std::string& hot_topic, Beside beside, bool read_ahead) {
  Broker broker{options, read_ahead};
  {
    auto connection = connect(options.port);
    create_topic(connection, hot_topic);
  }
  Outcome outcome;
  std::atomic<bool> measuring{false};
  std::atomic<bool> stop{false};
  Reader reader{.options = options, .drops = beside == Beside::cold_reader};
  std::vector<std::thread> threads;
  threads.emplace_back([&] { run_producer(options, hot_topic, measuring, stop, outcome.produce); });
  threads.emplace_back([&] { run_tail(options, hot_topic, measuring, stop, outcome.tail); });
  threads.emplace_back([&] { outcome.io_thread.run(broker.io_thread(), measuring, stop); });
  if (beside != Beside::nobody) threads.emplace_back([&] { reader.run(stop); });
  // Not before all that can be in the cache is.
  while (beside == Beside::cached_reader && reader.passes == 0) std::this_thread::sleep_for(kWarmUp);
  std::this_thread::sleep_for(kWarmUp);
  const auto metrics_before = broker.metrics();
  const auto bytes_before = reader.bytes.load();
  measuring = true;
  std::this_thread::sleep_for(std::chrono::seconds{options.seconds});
  measuring = false;
  outcome.reader_mb_per_second = static_cast<double>(reader.bytes - bytes_before) / 1e6 / options.seconds;
  const auto metrics_after = broker.metrics();
  stop = true;
  for (auto& thread : threads) thread.join();
  outcome.reader_fetches = std::move(reader.fetches);
  outcome.lag_max_ms = highest_bucket_ms(metrics_before, metrics_after);
  const auto gain = [&](const char* name) { return metrics_after.at(name) - metrics_before.at(name); };
  outcome.cold_reads = gain("sluice_cold_reads_total");
  outcome.cold_bytes = gain("sluice_cold_read_bytes_total");
  return outcome;
}

void print_row(const char* name, Outcome& of, Outcome& alone) {
  const auto share = of.io_thread.looks == 0
                         ? 0.0
                         : 100.0 * static_cast<double>(of.io_thread.waits) / static_cast<double>(of.io_thread.looks);
  std::printf(
      "| %s | %.0f / %.0f / %.0f / %.0f | %.2f | %.0f / %.0f / %.0f / %.0f | %.2f | %.0f | %.0f | %.2f %% | %llu | "
      "%.2f | %.0f | %.0f |\n",
      name, of.produce.at(0.5), of.produce.at(0.99), of.produce.at(0.999), of.produce.max(),
      of.produce.at(0.99) / alone.produce.at(0.99), of.tail.at(0.5), of.tail.at(0.99), of.tail.at(0.999), of.tail.max(),
      of.tail.at(0.99) / alone.tail.at(0.99), of.reader_mb_per_second, of.reader_fetches.at(0.99), share,
      static_cast<unsigned long long>(of.io_thread.longest), of.lag_max_ms, of.cold_reads, of.cold_bytes / 1e6);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  files::create_directories(options.directory);
  if (!files::exists(options.directory + "/data/cold-0")) fill(options);
  std::printf("%.1f GiB to read, %d produces/s of 1 KiB, %d s a row, fetches of up to %d bytes; latencies in us\n\n",
              options.gib, options.rate, options.seconds, options.partition_bytes);
  std::printf(
      "| beside | produce p50 / p99 / p99.9 / max | p99 x | tail p50 / p99 / p99.9 / max | p99 x | reader MB/s | "
      "its fetch p99 | io thread waits for disk | longest ms | loop lag <= ms | cold reads | MB read cold |\n");
  std::printf("|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  struct Row {
    const char* name;
    Beside beside;
    bool read_ahead;
  };
  std::vector<Outcome> outcomes;
  const auto started = std::to_string(::time(nullptr));
  for (const auto& row :
       {Row{"nobody", Beside::nobody, true}, Row{"reader, cached, read-ahead off", Beside::cached_reader, false},
        Row{"reader, cached, read-ahead on", Beside::cached_reader, true},
        Row{"reader, cold, read-ahead off", Beside::cold_reader, false},
        Row{"reader, cold, read-ahead on", Beside::cold_reader, true}}) {
    const auto topic = "hot-" + started + "-" + std::to_string(outcomes.size());
    outcomes.push_back(run(options, topic, row.beside, row.read_ahead));
    print_row(row.name, outcomes.back(), outcomes.front());
  }
  return 0;
}
