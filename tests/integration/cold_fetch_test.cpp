// Records that are on the disk only, as far as the system lets itself be told to forget them (a memory file system does
// not): the answers are the same, whoever waited.
#include <catch2/catch.hpp>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "tests/integration/records.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::ask;
using test::Bytes;
using test::fetch;
using test::number;
using test::produce;
using test::TestBroker;

constexpr int kBatches = 64;
constexpr int kRecords = 100;  // a batch: 100 KB

void drop_from_page_cache(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator{directory}) {
    if (!entry.is_regular_file()) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

/// A broker that was started over a topic of some megabytes: nothing of it counts as just appended.
struct Harness {
  explicit Harness(bool read_ahead = true)
      : broker{{std::string{"sluice.cold.read.ahead="} + (read_ahead ? "true" : "false")}} {
    broker.create_topic("t", {{"sluice.durability", "os"}, {"segment.bytes", "1048576"}});
    auto connection = broker.connect();
    for (int i = 0; i < kBatches; ++i) {
      std::vector<test::TestRecord> records;
      for (int r = 0; r < kRecords; ++r) {
        records.push_back({.value = std::string(1000, static_cast<char>('a' + (i + r) % 26)),
                           .timestamp = test::kSomeTime + i * kRecords + r});
      }
      auto bytes = test::batch_from(records);
      expected = test::concat({expected, bytes});
      produce(connection, "t", std::move(bytes));
    }
    broker.restart();
  }
  /// As the log has them: with its offsets and leader epochs.
  Bytes read_all() {
    auto connection = broker.connect();
    Bytes all;
    for (Offset from{0}; from < Offset{kBatches * kRecords};) {
      const auto got = fetch(connection, "t", from, {.partition_max_bytes = 700'000});
      REQUIRE(got.error == 0);
      REQUIRE_FALSE(got.records.empty());
      for (record::BatchWalker walker{got.records}; const auto batch = walker.next();) {
        CHECK(batch->crc_matches());
        from = batch->next_offset();
      }
      all = test::concat({all, got.records});
    }
    return all;
  }

  TestBroker broker;
  Bytes expected;
};

}  // namespace

TEST_CASE("records that left the page cache are fetched as they were", "[fetch]") {
  const bool read_ahead = GENERATE(true, false);
  CAPTURE(read_ahead);
  Harness harness{read_ahead};
  const auto warm = harness.read_all();
  CHECK(warm.size() == harness.expected.size());
  drop_from_page_cache(harness.broker.data_directory());
  CHECK(harness.read_all() == warm);
  harness.broker.restart();
  drop_from_page_cache(harness.broker.data_directory());
  CHECK(harness.read_all() == warm);
}

TEST_CASE("a client that reads late gets what has left the page cache meanwhile", "[fetch]") {
  Harness harness;
  const auto warm = harness.read_all();
  auto slow = harness.broker.connect();
  REQUIRE(slow.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.partition_max_bytes = 900'000}),
                                     test::kFetchByName));
  std::this_thread::sleep_for(100ms);
  drop_from_page_cache(harness.broker.data_directory());
  auto answer = slow.receive<protocol::Fetch>(test::kFetchByName);
  REQUIRE(answer.has_value());
  const auto got = test::fetched(*answer).at(0).records;
  REQUIRE(got.size() > 500'000);
  CHECK(std::equal(got.begin(), got.end(), warm.begin()));
}

TEST_CASE("a batch that rotted on the disk is never served, what comes before and after it is", "[fetch]") {
  const bool read_ahead = GENERATE(true, false);
  CAPTURE(read_ahead);
  Harness harness{read_ahead};
  harness.broker.stop();
  {
    const auto batch_bytes = static_cast<std::streamoff>(harness.expected.size() / kBatches);
    std::fstream file{harness.broker.data_directory() + "/t-0/00000000000000000000.log",
                      std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(5 * batch_bytes + batch_bytes / 2);
    file.put('?');
    REQUIRE(file.good());
  }
  harness.broker.start();
  auto connection = harness.broker.connect();
  const auto before = fetch(connection, "t", Offset{0});
  CHECK(before.error == 0);
  CHECK(before.base_offsets().size() == 5);
  CHECK(number(protocol::ErrorCode::corrupt_message) == fetch(connection, "t", Offset{5 * kRecords}).error);
  const auto after = fetch(connection, "t", Offset{6 * kRecords});
  CHECK(after.error == 0);
  REQUIRE_FALSE(after.records.empty());
  CHECK(after.base_offsets().front() == Offset{6 * kRecords});
}

TEST_CASE("clients that leave in the middle of a cold read leave nothing behind", "[fetch]") {
  std::signal(SIGPIPE, SIG_IGN);  // as sluiced does: sendfile has no MSG_NOSIGNAL
  Harness harness;
  drop_from_page_cache(harness.broker.data_directory());
  for (int i = 0; i < 20; ++i) {
    auto gone = harness.broker.connect();
    REQUIRE(gone.send<protocol::Fetch>(test::fetch_request("t", Offset{i * kRecords}), test::kFetchByName));
  }
  CHECK(harness.read_all().size() == harness.expected.size());
}

TEST_CASE("a broker that stops answers the cold reads under way", "[fetch]") {
  Harness harness;
  drop_from_page_cache(harness.broker.data_directory());
  auto connection = harness.broker.connect();
  REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}), test::kFetchByName));
  std::this_thread::sleep_for(20ms);  // it was read
  std::thread stopping{[&] { harness.broker.stop(); }};
  const auto answer = connection.receive<protocol::Fetch>(test::kFetchByName);
  stopping.join();
  REQUIRE(answer.has_value());
  CHECK_FALSE(test::fetched(*answer).at(0).records.empty());
}

TEST_CASE("the offset of a time is found in files that are on the disk only", "[fetch]") {
  Harness harness;
  drop_from_page_cache(harness.broker.data_directory());
  auto connection = harness.broker.connect();
  const auto time = test::kSomeTime + 40 * kRecords + 17;
  CHECK(test::list_offset(connection, "t", time.value()) == Offset{40 * kRecords + 17});
  CHECK(test::list_offset(connection, "t", -3) == Offset{kBatches * kRecords - 1});
  CHECK(test::list_offset(connection, "t", -2) == Offset{0});
}

}  // namespace sluice
