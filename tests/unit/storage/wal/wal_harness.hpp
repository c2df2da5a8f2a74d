#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/fs/memory_file_system.hpp"
#include "storage/wal/wal.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage::wal {

inline Unit unit(std::uint64_t table, std::uint64_t region = 1) { return {1, region, table}; }

struct Read {
  Unit unit;
  std::uint64_t sequence;
  std::string payload;

  friend bool operator==(const Read&, const Read&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Read& read) {
    return out << +read.unit.name_space << '/' << read.unit.region << '/' << read.unit.table << ' ' << read.sequence
               << ' ' << read.payload.substr(0, 20);
  }
};

inline std::vector<Read> drain(Reader reader) {
  std::vector<Read> all;
  while (true) {
    const auto entry = reader.next();
    REQUIRE(entry.has_value());
    if (!*entry) return all;
    all.push_back({(*entry)->unit, (*entry)->sequence.value(), std::string{as_text((*entry)->payload)}});
  }
}

inline std::vector<std::string> payloads(Reader reader) {
  std::vector<std::string> all;
  for (auto& read : drain(std::move(reader))) all.push_back(std::move(read.payload));
  return all;
}

/// A write-ahead log on a disk in memory.
struct WalHarness {
  MemoryFileSystem fs{std::uint64_t{4} << 20};
  Options options{.segment_bytes = 4096, .file_system = &fs};
  OpenReport report;
  std::unique_ptr<Wal> wal;

  WalHarness() {
    REQUIRE(fs.create_directories("/data").has_value());
    REQUIRE(fs.sync_directory("/").has_value());
  }

  Result<> try_open() {
    wal.reset();
    report = {};
    auto opened = Wal::open("/data/wal", options, &report);
    if (!opened) return opened.error();
    wal = std::move(*opened);
    return {};
  }
  Wal& open() {
    REQUIRE(try_open().has_value());
    return *wal;
  }
  Wal& reopen() {
    REQUIRE(wal->close().has_value());
    return open();
  }
  Wal& crash(CrashPolicy policy, std::uint64_t seed = 0) {
    wal.reset();
    fs.crash(policy, seed);
    return open();
  }

  Sequence write(const Unit& to, const std::string& payload, Durability durability = Durability::synced) {
    const auto written = wal->write_one(to, as_byte_view(payload), durability);
    REQUIRE(written.has_value());
    return *written;
  }
};

}  // namespace sluice::storage::wal
