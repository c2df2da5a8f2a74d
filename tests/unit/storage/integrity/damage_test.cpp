#include "storage/integrity/damage.hpp"

#include <limits>

#include "protocol/record/batch_format.hpp"
#include "storage/segment/segment_name.hpp"
#include "tests/support/log_harness.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

using test::batch;
using test::Bytes;

constexpr int kBatches = 12;

/// Twelve synced batches of one record each, all of the same size, in one segment or more; then a crash.
struct Damaged : test::LogHarness {
  explicit Damaged(int roll_every = kBatches) {
    resources.on_damage = [this](const std::string& directory, const DamagedRange& range) {
      CHECK(directory == "/data/t-0");
      told.push_back(range);
    };
    open();
    for (int i = 0; i < kBatches; ++i) {
      if (i > 0 && i % roll_every == 0) REQUIRE(log->roll(now).has_value());
      now = now + 1;
      append(batch({{"key", std::string(200, 'v'), now}}), LeaderEpoch{i < 6 ? 3 : 5});
    }
    REQUIRE(log->sync().has_value());
    size = static_cast<std::uint32_t>(read_all().size() / kBatches);
    log.reset();
  }

  static std::string file_of(int base) { return segment_path("/data/t-0", Offset{base}, suffix::kLog); }
  Bytes content(const std::string& path) {
    const auto text = read_file(fs, path);
    REQUIRE(text.has_value());
    const auto bytes = as_byte_view(*text);
    return {bytes.begin(), bytes.end()};
  }
  template <class T>
  void overwrite(const std::string& path, std::uint64_t position, T value) {
    const auto file = fs.open(path, OpenMode::existing);
    REQUIRE(file.has_value());
    std::array<std::byte, sizeof(T)> bytes{};
    store_be(bytes.data(), value);
    REQUIRE((*file)->write_at(position, ByteView{bytes}).has_value());
  }
  /// What a consumer gets that steps over what it is told it can't have.
  std::vector<std::int64_t> readable() {
    std::vector<std::int64_t> offsets;
    for (Offset from{0}; from < log->log_end_offset();) {
      const auto slice = log->read(from, 1U << 20, log->log_end_offset(), true);
      if (!slice) {
        CHECK(slice.error() == Errc::corrupt_batch);
        from = from + 1;
        continue;
      }
      REQUIRE_FALSE(slice->empty());
      if (!log->verify(*slice)) continue;  // known from now on
      for (const auto offset : base_offsets(bytes_of(slice))) offsets.push_back(offset.value());
      from = slice->next_offset;
    }
    return offsets;
  }
  static std::vector<std::int64_t> all_but(std::vector<std::int64_t> missing, std::int64_t end = kBatches) {
    std::vector<std::int64_t> offsets;
    for (std::int64_t offset = 0; offset < end; ++offset) {
      if (std::find(missing.begin(), missing.end(), offset) == missing.end()) offsets.push_back(offset);
    }
    return offsets;
  }

  std::uint32_t size = 0;  // of a batch
  std::vector<DamagedRange> told;
};

/// Ways to spoil the fifth batch. Of each, a reader must miss just that one.
using Spoil = void (*)(Damaged&, const std::string& path, std::uint64_t position);

const std::vector<std::pair<const char*, Spoil>> kSpoils{
    {"payload", [](Damaged& log, const std::string& path, std::uint64_t at) { log.overwrite(path, at + 150, 'x'); }},
    {"magic", [](Damaged& log, const std::string& path,
                 std::uint64_t at) { log.overwrite(path, at + record::at::kMagic, std::int8_t{9}); }},
    {"length too large",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kLength, std::int32_t{1'000'000'000});
     }},
    {"length too small", [](Damaged& log, const std::string& path,
                            std::uint64_t at) { log.overwrite(path, at + record::at::kLength, std::int32_t{60}); }},
    {"base offset too low",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kBaseOffset, std::int64_t{1});
     }},
    {"base offset too high",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kBaseOffset, std::int64_t{7});
     }},
    {"base offset beyond everything",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kBaseOffset, std::numeric_limits<std::int64_t>::max());
     }},
    {"leader epoch too high",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kPartitionLeaderEpoch, std::int32_t{5});
     }},
    {"leader epoch too low",
     [](Damaged& log, const std::string& path, std::uint64_t at) {
       log.overwrite(path, at + record::at::kPartitionLeaderEpoch, std::int32_t{2});
     }},
};

}  // namespace

TEST_CASE("a damaged middle costs the batches that it hits and nothing else", "[log][damage]") {
  const auto& [name, spoil] = kSpoils[GENERATE(range(std::size_t{0}, kSpoils.size()))];
  const auto roll_every = GENERATE(kBatches, 5);
  const bool clean = GENERATE(false, true);
  CAPTURE(name, roll_every, clean);
  Damaged damaged{roll_every};
  damaged.open({.recovery_point = Offset{0}});
  REQUIRE(damaged.log->close().has_value());
  damaged.log.reset();
  const auto path = Damaged::file_of(0);
  spoil(damaged, path, 4 * damaged.size);
  const auto before = damaged.content(path);

  damaged.open({.recovery_point = Offset{kBatches}, .clean_shutdown = clean});
  CHECK(damaged.log->log_end_offset() == Offset{kBatches});
  CHECK(damaged.readable() == Damaged::all_but({4}));
  const std::vector<DamagedRange> expected{{.segment_base = Offset{0},
                                            .position = 4 * damaged.size,
                                            .end_position = 5 * damaged.size,
                                            .first_offset = Offset{4},
                                            .next_offset = Offset{5}}};
  CHECK(damaged.log->damage() == expected);
  CHECK(damaged.told == expected);

  damaged.append(batch({{"key", "after"}}), LeaderEpoch{5});
  CHECK(damaged.readable() == Damaged::all_but({4}, kBatches + 1));
  const auto after = damaged.content(path);
  CHECK(std::equal(before.begin(), before.end(), after.begin()));
}

TEST_CASE("what was synced at the log's end and can't be read keeps its offsets", "[log][damage]") {
  Damaged damaged;
  const auto path = Damaged::file_of(0);
  damaged.overwrite(path, 11 * damaged.size + record::at::kMagic, std::int8_t{9});
  const auto before = damaged.content(path);
  damaged.open({.recovery_point = Offset{kBatches}});
  CHECK(damaged.report.tail_bytes_cut == 0);
  CHECK(damaged.append(batch({{"key", "after"}}), LeaderEpoch{5}).base_offset == Offset{kBatches});
  CHECK(damaged.readable() == Damaged::all_but({11}, kBatches + 1));
  CHECK(damaged.content(path) == before);
  damaged.close_and_open();
  CHECK(damaged.readable() == Damaged::all_but({11}, kBatches + 1));
}

TEST_CASE("a torn tail is cut behind a damaged middle", "[log][damage]") {
  Damaged damaged;
  const auto path = Damaged::file_of(0);
  damaged.overwrite(path, 4 * damaged.size + 100, 'x');
  damaged.overwrite(path, 11 * damaged.size + 100, 'x');
  damaged.open({.recovery_point = Offset{8}});
  CHECK(damaged.report.tail_bytes_cut == damaged.size);
  CHECK(damaged.readable() == Damaged::all_but({4}, 11));
}

TEST_CASE("batches that are missing at the end of a sealed segment are told, not passed over", "[log][damage]") {
  Damaged damaged{5};
  REQUIRE((*damaged.fs.open(Damaged::file_of(0), OpenMode::existing))->truncate(3 * damaged.size).has_value());
  damaged.open({.recovery_point = Offset{5}});
  CHECK(damaged.readable() == Damaged::all_but({3, 4}));
  CHECK(damaged.log->read(Offset{3}, 100, Offset{kBatches}, true).error() == Errc::corrupt_batch);
}

TEST_CASE("damage past the recovery point ends a log, also in a sealed segment", "[log][damage]") {
  Damaged damaged{5};
  damaged.overwrite(Damaged::file_of(5), 2 * damaged.size + 100, 'x');
  damaged.open({.recovery_point = Offset{6}});
  CHECK(damaged.log->log_end_offset() == Offset{7});
  CHECK(damaged.log->damage().empty());
}

TEST_CASE("a truncation takes damage with it", "[log][damage]") {
  Damaged damaged;
  damaged.overwrite(Damaged::file_of(0), 4 * damaged.size + 100, 'x');
  damaged.overwrite(Damaged::file_of(0), 8 * damaged.size + 100, 'x');
  damaged.open({.recovery_point = Offset{kBatches}});
  CHECK(damaged.readable() == Damaged::all_but({4, 8}));
  REQUIRE(damaged.log->truncate_to(Offset{8}).has_value());
  CHECK(damaged.log->damage().size() == 1);
  CHECK(damaged.append(batch({{"key", "after"}}), LeaderEpoch{5}).base_offset == Offset{8});
  CHECK(damaged.readable() == Damaged::all_but({4}, 9));
}

TEST_CASE("damage below the log start is nobody's loss", "[log][damage]") {
  Damaged damaged;
  damaged.overwrite(Damaged::file_of(0), 4 * damaged.size + 100, 'x');
  damaged.open({.recovery_point = Offset{kBatches}, .log_start_offset = Offset{6}});
  CHECK(damaged.log->damage().empty());
}

TEST_CASE("a log that is synced batch by batch is refused when a batch in its middle does not hold", "[log][damage]") {
  Damaged damaged;
  damaged.overwrite(Damaged::file_of(0), 4 * damaged.size + 100, 'x');
  LogOpening opening;
  opening.synced_one_by_one = true;
  opening.recovery_point = Offset{GENERATE(0, kBatches)};
  const auto before = damaged.content(Damaged::file_of(0));
  CHECK(damaged.try_open(opening).error() == Errc::corrupt_batch);
  CHECK(damaged.content(Damaged::file_of(0)) == before);
}

TEST_CASE("only what lies past the recovery point is read after a crash", "[log][damage]") {
  Damaged damaged;
  damaged.open({.recovery_point = Offset{kBatches - 2}});
  CHECK(damaged.report.scanned);
  CHECK(damaged.report.bytes_scanned < 6 * damaged.size);
  CHECK(damaged.log->log_end_offset() == Offset{kBatches});
  CHECK(damaged.readable() == Damaged::all_but({}));
  for (int i = 0; i < kBatches; ++i) {
    const auto found = damaged.log->find_timestamp(test::kSomeTime + i + 1);
    REQUIRE(found.has_value());
    CHECK(found->offset == Offset{i});
  }
}

TEST_CASE("an index that a crash left in part is made anew from where it ends", "[log][damage]") {
  Damaged damaged;
  const auto index = segment_path("/data/t-0", Offset{0}, suffix::kOffsetIndex);
  const auto time_index = segment_path("/data/t-0", Offset{0}, suffix::kTimeIndex);
  switch (GENERATE(0, 1, 2, 3)) {
    case 0: damaged.overwrite(index, 3 * 8, std::int64_t{0}); break;
    case 1: damaged.overwrite(time_index, 2 * 12, std::int64_t{0}); break;
    case 2: damaged.overwrite(index, 0, std::int64_t{0}); break;
    case 3: REQUIRE(damaged.fs.remove(time_index).has_value()); break;
  }
  damaged.open({.recovery_point = Offset{kBatches}});
  CHECK(damaged.log->log_end_offset() == Offset{kBatches});
  CHECK(damaged.log->damage().empty());
  CHECK(damaged.readable() == Damaged::all_but({}));
  for (int i = 0; i < kBatches; ++i) {
    CHECK(damaged.log->find_timestamp(test::kSomeTime + i + 1).value().offset == Offset{i});
  }
}

TEST_CASE("an entry of a sealed index that leads to no batch is not damage", "[log][damage]") {
  Damaged damaged{6};
  damaged.open({.recovery_point = Offset{0}});
  REQUIRE(damaged.log->close().has_value());
  damaged.log.reset();
  const auto index = segment_path("/data/t-0", Offset{0}, suffix::kOffsetIndex);
  damaged.overwrite(index, 8 + 4, 2 * damaged.size + 5);
  damaged.open({.recovery_point = Offset{kBatches}, .clean_shutdown = true});
  CHECK(damaged.readable() == Damaged::all_but({}));
  CHECK(damaged.log->damage().empty());
}

TEST_CASE("what was read from the disk once is not checked again, what was written never", "[log][damage]") {
  Damaged damaged;
  damaged.open({.recovery_point = Offset{0}});
  REQUIRE(damaged.log->close().has_value());
  damaged.open({.recovery_point = Offset{kBatches}, .clean_shutdown = true});
  const auto slice = damaged.log->read(Offset{2}, 1U << 20, Offset{kBatches}, true);
  REQUIRE(slice.has_value());
  CHECK_FALSE(damaged.log->is_verified(*slice));
  REQUIRE(damaged.log->verify(*slice).has_value());
  CHECK(damaged.log->is_verified(*slice));
  damaged.append(batch({{"key", "new"}}), LeaderEpoch{5});
  CHECK(damaged.log->is_verified(damaged.log->read(Offset{kBatches}, 100, Offset{kBatches + 1}, true).value()));
}

}  // namespace sluice::storage
