#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/raft/raft_store_driver.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"
#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {

inline constexpr Timestamp kStoreTime{1'700'000'000'000};

/// A server's disk in memory, as one of three voters.
struct StoreHarness {
  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  RaftStore::Options options{.directory = "/data/__cluster_metadata-0",
                             .self = replica(1),
                             .bootstrap = voters({1, 2, 3}),
                             .snapshots_kept = 3};
  std::unique_ptr<RaftStore> store;

  StoreHarness() {
    REQUIRE(fs.create_directories("/data"));
    REQUIRE(fs.sync_directory("/"));
  }

  std::error_code try_open() {
    store.reset();
    auto opened = RaftStore::open(fs, options, kStoreTime);
    if (!opened) return opened.error();
    store = std::move(*opened);
    return {};
  }
  RaftStore& open() {
    REQUIRE(try_open() == std::error_code{});
    return *store;
  }
  RaftStore& crash_and_open(storage::CrashPolicy policy = storage::CrashPolicy::lose_unsynced, std::uint64_t seed = 0) {
    store.reset();
    fs.clear_faults();
    fs.crash(policy, seed);
    return open();
  }

  void write(RaftStore::Work work) { REQUIRE(store->write(std::move(work), kStoreTime)); }
  void vote(std::int64_t term, int node) { write({.hard_state = HardState{Term{term}, replica(node)}}); }
  /// Entries from `first` to `last`, made in `term`.
  void append(std::int64_t first, std::int64_t last, std::int64_t term) {
    std::vector<Entry> entries;
    for (auto index = first; index <= last; ++index) entries.push_back(entry(index, term, "entry"));
    write({.entries = std::move(entries)});
  }
  SnapshotMeta snapshot(std::int64_t index, const std::string& state) {
    SnapshotMeta meta{.index = LogIndex{index},
                      .term = store->term(LogIndex{index}).value(),
                      .configuration = voters({1, 2, 3}),
                      .configuration_index = LogIndex{1}};
    const auto written = store->write_snapshot(meta, state);
    REQUIRE(written);
    REQUIRE(store->adopt_snapshot(*written, kStoreTime));
    return *written;
  }

  std::vector<Entry> all() const {
    std::vector<Entry> found;
    for (auto next = store->first_index(); next <= store->last_index();) {
      const auto some = store->entries(next, store->last_index() + 1, 1 << 10);
      REQUIRE_FALSE(some.empty());
      found.insert(found.end(), some.begin(), some.end());
      next = found.back().index + 1;
    }
    return found;
  }

  std::vector<std::string> snapshot_files(std::string_view suffix = ".snapshot") {
    std::vector<std::string> names;
    const auto entries = fs.list(options.directory + "/snapshots");
    REQUIRE(entries);
    for (const auto& found : *entries) {
      if (found.name.ends_with(suffix)) names.push_back(options.directory + "/snapshots/" + found.name);
    }
    return names;
  }
  /// One bit of a file turns, `from_end` bytes before its end.
  void damage(const std::string& path, std::uint64_t from_end) {
    const auto file = fs.open(path, storage::OpenMode::existing);
    REQUIRE(file);
    const auto position = (*file)->size().value() - from_end;
    std::byte byte{};
    REQUIRE((*file)->read_at(position, std::span{&byte, 1}));
    byte ^= std::byte{1};
    REQUIRE((*file)->write_at(position, ByteView{&byte, 1}));
    REQUIRE((*file)->sync_data());
  }
  std::string log_file() const { return options.directory + "/00000000000000000001.log"; }
};

}  // namespace sluice::test
