// The write-ahead log beside RocksDB's for the same work: threads that each write one payload after the other.
//
//   wal_bench --writers 8 --payload 100 --sync --seconds 3 --engine sluice --dir DIR    one line
//   wal_bench --table --dir DIR                                                          all of it, as Markdown
//
// RocksDB's side writes batches that hold nothing but WriteBatch::PutLogData: such a blob goes to its log and nowhere
// else, so that no memtable is part of the comparison; what is left is its write queue and its log. With
// `--engine rocksdb-put` the payload goes through Put, as it does in an engine on top of RocksDB: log and memtable.
// Both push every write to the kernel before it returns; with --sync an fdatasync has covered it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "storage/wal/wal.hpp"
#ifdef SLUICE_HAVE_ROCKSDB
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

struct Work {
  int writers = 8;
  std::size_t payload = 100;
  bool sync = false;
  double seconds = 3;
  std::uint64_t bytes_max = std::uint64_t{1} << 30;  // then it ends early: the disk is not what is measured
};

struct Figures {
  double writes_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double cpu_seconds_per_million = 0;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "wal_bench: %s\n", why.c_str());
  std::exit(1);
}

/// Something that writes one payload for a writer, and returns when it is as safe as the work wants it.
using WriteOne = std::function<void(int writer, const std::string& payload)>;

/// What one writer does until the time is over.
std::vector<std::uint32_t> write_until(Clock::time_point end, const Work& work, int writer, const WriteOne& write) {
  std::vector<std::uint32_t> nanoseconds;
  nanoseconds.reserve(1U << 20);
  std::string payload(work.payload, 'x');
  const auto writes_max = work.bytes_max / static_cast<std::uint64_t>(work.writers) / work.payload;
  auto now = Clock::now();
  while (now < end && nanoseconds.size() < writes_max) {
    payload[nanoseconds.size() % payload.size()] ^= 1;
    write(writer, payload);
    const auto after = Clock::now();
    nanoseconds.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds{after - now}.count()));
    now = after;
  }
  return nanoseconds;
}

Figures measure(const Work& work, const WriteOne& write) {
  std::vector<std::vector<std::uint32_t>> latencies(static_cast<std::size_t>(work.writers));
  const auto cpu_before = cpu_seconds();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{work.seconds});
  std::vector<std::thread> threads;
  for (int i = 0; i < work.writers; ++i) {
    threads.emplace_back([&, i] { latencies[static_cast<std::size_t>(i)] = write_until(end, work, i, write); });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  const auto cpu = cpu_seconds() - cpu_before;

  std::vector<std::uint32_t> all;
  for (const auto& part : latencies) all.insert(all.end(), part.begin(), part.end());
  const auto percentile = [&](double part) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), at, all.end());
    return static_cast<double>(*at) / 1000;
  };
  const auto count = static_cast<double>(all.size());
  return {count / elapsed.count(), percentile(0.5), percentile(0.99), cpu / count * 1e6};
}

Figures run_sluice(const Work& work, const std::string& directory) {
  namespace wal = sluice::storage::wal;
  auto log = wal::Wal::open(directory);
  if (!log) give_up(log.error().message());
  const auto durability = work.sync ? wal::Durability::synced : wal::Durability::buffered;
  const auto figures = measure(work, [&](int writer, const std::string& payload) {
    const wal::Unit unit{.table = static_cast<std::uint64_t>(writer)};
    if (const auto written = (*log)->write_one(unit, sluice::as_byte_view(payload), durability); !written)
      give_up(written.error().message());
  });
  if (const auto closed = (*log)->close(); !closed) give_up(closed.error().message());
  return figures;
}

#ifdef SLUICE_HAVE_ROCKSDB
Figures run_rocksdb(const Work& work, const std::string& directory, bool put) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.disable_auto_compactions = true;
  options.write_buffer_size = std::size_t{4} << 30;  // never flushed in the time of a run
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(options, directory, &opened); !status.ok()) give_up(status.ToString());
  const std::unique_ptr<rocksdb::DB> db{opened};
  rocksdb::WriteOptions write_options;
  write_options.sync = work.sync;
  std::vector<std::uint64_t> sequences(static_cast<std::size_t>(work.writers) * 8);  // a cache line each
  const auto figures = measure(work, [&](int writer, const std::string& payload) {
    thread_local rocksdb::WriteBatch batch;
    batch.Clear();
    if (put) {
      // The key that a log in RocksDB has: namespace, region, table, sequence.
      std::array<char, 25> key{};
      const std::array<std::uint64_t, 2> tail{static_cast<std::uint64_t>(writer),
                                              __builtin_bswap64(++sequences[static_cast<std::size_t>(writer) * 8])};
      std::copy_n(reinterpret_cast<const char*>(tail.data()), sizeof tail, key.data() + key.size() - sizeof tail);
      batch.Put({key.data(), key.size()}, payload);
    } else {
      batch.PutLogData(payload);
    }
    if (const auto status = db->Write(write_options, &batch); !status.ok()) give_up(status.ToString());
  });
  return figures;
}
#endif

Figures run(const std::string& engine, const Work& work, const std::string& directory) {
  const auto own = directory + "/wal_bench";
  std::filesystem::remove_all(own);
  std::filesystem::create_directories(directory);
  Figures figures;
  if (engine == "sluice") figures = run_sluice(work, own);
#ifdef SLUICE_HAVE_ROCKSDB
  else
    figures = run_rocksdb(work, own, engine == "rocksdb-put");
#else
  else
    give_up("built without RocksDB: librocksdb-dev was not there");
#endif
  std::filesystem::remove_all(own);
  return figures;
}

void print_table(Work work, const std::string& directory) {
  std::vector<std::string> engines{"sluice"};
#ifdef SLUICE_HAVE_ROCKSDB
  engines.emplace_back("rocksdb");
#endif
  std::printf("| durability | payload B | writers | engine | writes/s | p50 µs | p99 µs | CPU s per million |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  for (const bool sync : {true, false}) {
    for (const std::size_t payload : {std::size_t{100}, std::size_t{1024}}) {
      for (const int writers : {1, 8, 64}) {
        for (const auto& engine : engines) {
          work.sync = sync;
          work.payload = payload;
          work.writers = writers;
          const auto figures = run(engine, work, directory);
          std::printf("| %s | %zu | %d | %s | %.0f | %.1f | %.1f | %.2f |\n", sync ? "synced" : "buffered", payload,
                      writers, engine.c_str(), figures.writes_per_second, figures.p50_us, figures.p99_us,
                      figures.cpu_seconds_per_million);
          std::fflush(stdout);
        }
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Work work;
  std::string engine = "sluice";
  std::string directory;
  bool table = false;
  std::uint64_t megabytes_max = work.bytes_max >> 20;
  CLI::App app{"The write-ahead log beside RocksDB's"};
  app.add_option("--writers", work.writers, "threads")->check(CLI::Range(1, 1024));
  app.add_option("--payload", work.payload, "bytes of a payload")->check(CLI::Range(1, 1 << 20));
  app.add_flag("--sync", work.sync, "every write is durable when it returns");
  app.add_option("--seconds", work.seconds, "of one run; 3");
  app.add_option("--mb-max", megabytes_max, "of payloads, after which a run ends early; 1024");
  app.add_option("--engine", engine, "sluice, rocksdb, rocksdb-put")
      ->check(CLI::IsMember({"sluice", "rocksdb", "rocksdb-put"}));
  app.add_option("--dir", directory, "a directory of a real disk; files in wal_bench/ below it go")->required();
  app.add_flag("--table", table, "every combination, both engines, as Markdown");
  CLI11_PARSE(app, argc, argv);
  work.bytes_max = megabytes_max << 20;
  if (table) {
    print_table(work, directory);
    return 0;
  }
  const auto figures = run(engine, work, directory);
  std::printf("%s writers=%d payload=%zu %s: %.0f writes/s, p50 %.1f us, p99 %.1f us, %.2f CPU s per million\n",
              engine.c_str(), work.writers, work.payload, work.sync ? "synced" : "buffered", figures.writes_per_second,
              figures.p50_us, figures.p99_us, figures.cpu_seconds_per_million);
}
