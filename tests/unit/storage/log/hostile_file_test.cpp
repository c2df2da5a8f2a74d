#include <limits>

#include "protocol/record/batch_format.hpp"
#include "tests/support/log_harness.hpp"
#include "tests/support/result_printer.hpp"

// Files that claim what no log would write, found by fuzzing recovery: an error each, where there was an assertion or
// an overflow.

namespace sluice::storage {
namespace {

using test::batch;
using test::Bytes;

constexpr auto kFirstLog = "/data/t-0/00000000000000000000.log";
constexpr auto kFirstIndex = "/data/t-0/00000000000000000000.index";

struct HostileFiles : test::LogHarness {
  HostileFiles() {
    open();
    for (int i = 0; i < 8; ++i) append(batch({{"key", std::string(60, 'v')}}));
  }
  void close_log() {
    REQUIRE(log->close().has_value());
    log.reset();
  }
  template <class T>
  void overwrite(const std::string& path, std::uint64_t position, T value) {
    const auto file = fs.open(path, OpenMode::existing);
    REQUIRE(file.has_value());
    std::array<std::byte, sizeof(T)> bytes{};
    store_be(bytes.data(), value);
    REQUIRE((*file)->write_at(position, ByteView{bytes}).has_value());
  }
};

TEST_CASE("a sealed segment of which an offset goes backwards is indexed again but for that batch", "[log]") {
  HostileFiles files;
  const auto sealed_end = files.log->log_end_offset();
  REQUIRE(files.log->roll(files.now).has_value());
  const auto size = files.read_all().size() / 8;
  files.close_log();
  files.overwrite(kFirstLog, 5 * size + record::at::kBaseOffset, std::int64_t{0});
  REQUIRE(files.fs.remove(kFirstIndex).has_value());
  auto& log = files.open({.recovery_point = sealed_end, .clean_shutdown = true});
  const auto slice = log.read(Offset{1}, 1U << 20, sealed_end, true);
  REQUIRE(slice.has_value());
  CHECK(slice->next_offset == Offset{5});
  CHECK(log.read(Offset{5}, 1U << 20, sealed_end, true).error() == Errc::corrupt_batch);
  CHECK(log.read(Offset{6}, 1U << 20, sealed_end, true).has_value());
}

TEST_CASE("offsets that would overflow are damage, not arithmetic", "[log]") {
  HostileFiles files;
  const auto size = files.read_all().size() / 8;
  files.close_log();
  files.overwrite(kFirstLog, 7 * size + record::at::kBaseOffset, std::numeric_limits<std::int64_t>::max());
  CHECK(files.open().log_end_offset() == Offset{7});
}

TEST_CASE("an index entry that is not its batch's is not what appends go behind", "[log]") {
  HostileFiles files;
  files.close_log();
  const auto index = read_file(files.fs, kFirstIndex);
  REQUIRE(index.has_value());
  REQUIRE(index->size() >= 8);
  files.overwrite(kFirstIndex, index->size() - 8, std::int32_t{1000});
  auto opened = files.try_open({.recovery_point = Offset{8}, .clean_shutdown = true});
  if (opened.has_error()) return;  // refused is as good as mended
  for (int i = 0; i < 8; ++i) files.append(batch({{"key", std::string(60, 'v')}}));
  CHECK(files.log->log_end_offset() == Offset{16});
}

TEST_CASE("a timestamp before all time finds the first record", "[log]") {
  HostileFiles files;
  const auto found = files.log->find_timestamp(Timestamp{std::numeric_limits<std::int64_t>::min()});
  REQUIRE(found.has_value());
  CHECK(found->offset == Offset{0});
}

TEST_CASE("a batch from a leader whose offsets overflow is refused", "[log]") {
  HostileFiles files;
  Bytes bytes = batch({{"key", "value"}}, {.base_offset = Offset{8}});
  store_be(bytes.data() + record::at::kBaseOffset, std::numeric_limits<std::int64_t>::max());
  CHECK(files.log->append_as_follower(bytes, files.now).error() == Errc::corrupt_batch);
}

}  // namespace
}  // namespace sluice::storage
