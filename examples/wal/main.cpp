// A shop that counts what it has in stock, in memory, behind a write-ahead log: what an engine does with one.
//
//   wal_example DIR     writes, stops as if it had crashed, opens again and prints what is in stock
//
// A change is logged before it is made. Now and then a table is flushed: saved as a file of its own with the sequence
// it covers; then its log is marked deleted up to there, and a thread gives the space back. At the start every table is
// read from its file, and what the log has beyond that is applied.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "storage/wal/reclaim_thread.hpp"
#include "storage/wal/wal.hpp"

namespace {

using namespace std::chrono_literals;
using namespace sluice::storage::wal;
using sluice::Result;

/// Counts of goods: a table of it for each department.
class Shop {
 public:
  static Result<Shop> open(const std::string& directory) {
    auto log = Wal::open(directory + "/log");
    if (!log) return log.error();
    Shop shop{directory, std::move(*log)};
    if (const auto recovered = shop.recover(); !recovered) return recovered.error();
    return shop;
  }

  /// Durable when it returns.
  Result<> receive(std::uint64_t department, const std::string& goods, int count) {
    const auto change = goods + ' ' + std::to_string(count);
    const auto sequence = log_->write_one(unit_of(department), sluice::as_byte_view(change));
    if (!sequence) return sequence.error();
    apply(departments_[department], change, *sequence);
    return {};
  }

  Result<> flush(std::uint64_t department) {
    const auto& table = departments_[department];
    save(department, table);
    return log_->mark_deleted(unit_of(department), table.applied);
  }

  Wal& log() { return *log_; }

  std::string stock() const {
    std::string text;
    for (const auto& [department, table] : departments_) {
      for (const auto& [goods, count] : table.counts)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + ' ' + goods;
    }
    return text;
  }

 private:
  struct Table {
    std::map<std::string, int> counts;
    Sequence applied = kNoSequence;  // every change up to here is in `counts`
  };

  Shop(std::string directory, std::unique_ptr<Wal> log) : directory_(std::move(directory)), log_(std::move(log)) {}

  static Unit unit_of(std::uint64_t department) { return {.name_space = 0, .region = 1, .table = department}; }
  std::string file_of(std::uint64_t department) const {
    return directory_ + "/department-" + std::to_string(department);
  }

  static void apply(Table& table, std::string_view change, Sequence sequence) {
    const auto space = change.find(' ');
    table.counts[std::string{change.substr(0, space)}] += std::stoi(std::string{change.substr(space + 1)});
    table.applied = sequence;
  }

  Result<> recover() {
    for (const auto& summary : log_->units()) departments_[summary.unit.table] = load(summary.unit.table);
    auto entries = log_->scan();
    while (true) {
      const auto entry = entries.next();
      if (!entry) return entry.error();
      if (!*entry) return {};
      auto& table = departments_[(*entry)->unit.table];
      if ((*entry)->sequence > table.applied) apply(table, sluice::as_text((*entry)->payload), (*entry)->sequence);
    }
  }

  // A real engine syncs the file before it is renamed.
  void save(std::uint64_t department, const Table& table) const {
    const auto temporary = file_of(department) + ".tmp";
    std::ofstream file{temporary};
    file << table.applied.value() << '\n';
    for (const auto& [goods, count] : table.counts) file << goods << ' ' << count << '\n';
    file.close();
    std::filesystem::rename(temporary, file_of(department));
  }

  Table load(std::uint64_t department) const {
    Table table;
    std::ifstream file{file_of(department)};
    std::uint64_t applied = 0;
    if (file >> applied) table.applied = Sequence{applied};
    std::string goods;
    for (int count = 0; file >> goods >> count;) table.counts[goods] = count;
    return table;
  }

  std::string directory_;
  std::unique_ptr<Wal> log_;
  std::map<std::uint64_t, Table> departments_;
};

int fail(std::error_code error) {
  std::fprintf(stderr, "wal_example: %s\n", error.message().c_str());
  return 1;
}

Result<> a_day_at_the_shop(const std::string& directory) {
  auto shop = Shop::open(directory);
  if (!shop) return shop.error();
  const ReclaimThread reclaiming{shop->log(), 1s};
  constexpr std::uint64_t kFruit = 1;
  constexpr std::uint64_t kClothes = 2;
  if (const auto done = shop->receive(kFruit, "apples", 5); !done) return done;
  if (const auto done = shop->receive(kFruit, "pears", 12); !done) return done;
  if (const auto done = shop->flush(kFruit); !done) return done;
  if (const auto done = shop->receive(kFruit, "apples", -2); !done) return done;
  return shop->receive(kClothes, "hat", 1);
  // The log is not closed: to its files this is a crash.
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: wal_example DIR\n");
    return 2;
  }
  const std::string directory = argv[1];
  std::filesystem::remove_all(directory + "/log");
  std::filesystem::remove(directory + "/department-1");
  std::filesystem::create_directories(directory);
  if (const auto done = a_day_at_the_shop(directory); !done) return fail(done.error());

  auto shop = Shop::open(directory);
  if (!shop) return fail(shop.error());
  std::printf("%s\n", shop->stock().c_str());
  if (const auto closed = shop->log().close(); !closed) return fail(closed.error());
  return 0;
}
