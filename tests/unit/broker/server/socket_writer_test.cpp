#include "broker/server/socket_writer.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "storage/fs/memory_file_system.hpp"
#include "storage/log/log.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/cold_file_system.hpp"
#include "tests/support/temp_directory.hpp"

namespace sluice::broker {
namespace {

using Progress = SocketWriter::Progress;
using test::Bytes;

struct SocketPair {
  explicit SocketPair(int send_buffer = 0) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    REQUIRE(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    if (send_buffer > 0) ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  }
  ~SocketPair() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  /// What the other end has got by now.
  Bytes received() {
    Bytes all;
    std::byte chunk[4096];
    for (;;) {
      const auto count = ::recv(ends[1], chunk, sizeof chunk, MSG_DONTWAIT);
      if (count <= 0) return all;
      all.insert(all.end(), chunk, chunk + count);
    }
  }
  int ends[2];
};

Bytes bytes_of(const std::string& text) {
  const auto view = as_byte_view(text);
  return {view.begin(), view.end()};
}

/// A log to take slices from: of the system (sendfile), or in memory (copies).
struct SliceSource {
  explicit SliceSource(storage::FileSystem& fs, const std::string& directory) : resources(fs) {
    log = storage::Log::open(resources, directory, {}, {.clean_shutdown = true}).value();
    for (int i = 0; i < 8; ++i) {
      auto bytes = test::batch_of(20, 1000);
      REQUIRE(log->append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, test::kSomeTime).has_value());
    }
  }
  storage::LogSlice slice(int batch) const {
    return log->read(Offset{batch * 20}, 1, log->log_end_offset(), true).value();
  }
  static Bytes content(const storage::LogSlice& slice) {
    Bytes bytes(slice.size);
    REQUIRE(slice.read(bytes).has_value());
    return bytes;
  }
  storage::LogResources resources;
  std::unique_ptr<storage::Log> log;
};

/// "<head>", slice, "<middle>", slice, and `tail`, which may be empty as in the older encodings of Fetch.
OutgoingResponse with_slices(const SliceSource& source, int first, const std::string& tail, Bytes& expected) {
  OutgoingResponse response;
  response.slices = {source.slice(first), source.slice(first + 1)};
  response.bytes = bytes_of("<head><middle>" + tail);
  response.splices = {{6, response.slices[0].size}, {14, response.slices[1].size}};
  expected = test::concat({expected, bytes_of("<head>"), SliceSource::content(response.slices[0]), bytes_of("<middle>"),
                           SliceSource::content(response.slices[1]), bytes_of(tail)});
  return response;
}

void load_cold_piece(SocketWriter& writer) {
  REQUIRE(writer.cold_piece().load().has_value());
  writer.piece_loaded();
}

/// Sends until nothing is left, reading at the other end whenever the socket is full.
Bytes send_all(SocketWriter& writer, SocketPair& pair) {
  Bytes got;
  for (int i = 0; i < 100'000 && !writer.idle(); ++i) {
    const auto progress = writer.send(pair.ends[0]);
    REQUIRE(progress.has_value());
    if (*progress == Progress::cold) load_cold_piece(writer);
    const auto more = pair.received();
    got.insert(got.end(), more.begin(), more.end());
  }
  CHECK(writer.idle());
  return got;
}

}  // namespace

TEST_CASE("responses leave whole and in order", "[socket_writer]") {
  SocketPair pair;
  SocketWriter writer{true};
  Bytes expected;
  for (int i = 0; i < 200; ++i) {  // more than one gathered write takes
    const auto bytes = bytes_of("response " + std::to_string(i));
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    writer.add({.bytes = bytes});
  }
  CHECK(send_all(writer, pair) == expected);
}

TEST_CASE("a full socket blocks the writer, which goes on where it stopped", "[socket_writer]") {
  SocketPair pair{1};
  SocketWriter writer{true};
  Bytes expected;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    const auto bytes = bytes_of(std::string(5000, letter));
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    writer.add({.bytes = bytes});
  }
  const auto first = writer.send(pair.ends[0]);
  REQUIRE(first.has_value());
  CHECK(*first == Progress::blocked);
  CHECK_FALSE(writer.idle());
  CHECK(send_all(writer, pair) == expected);
}

TEST_CASE("slices of files come between the bytes they belong between", "[socket_writer]") {
  const bool on_disk = GENERATE(true, false);
  const int send_buffer = GENERATE(0, 1);
  const std::string tail = GENERATE("", "<tail>");
  CAPTURE(on_disk, send_buffer, tail);
  const test::TempDirectory directory;
  storage::MemoryFileSystem memory{std::uint64_t{16} << 20};
  REQUIRE(memory.create_directories(directory.path()).has_value());
  const SliceSource source{on_disk ? storage::posix_file_system() : static_cast<storage::FileSystem&>(memory),
                           directory.path("t-0")};
  CHECK((source.slice(0).descriptor() >= 0) == on_disk);

  SocketPair pair{send_buffer};
  SocketWriter writer{true};
  Bytes expected = bytes_of("before");
  writer.add({.bytes = expected});
  writer.add(with_slices(source, 0, tail, expected));
  writer.add(with_slices(source, 3, tail, expected));
  writer.add({.bytes = bytes_of("after")});
  expected = test::concat({expected, bytes_of("after")});
  CHECK(send_all(writer, pair) == expected);
}

TEST_CASE("a slice that left memory while it waited for the socket is not waited for", "[socket_writer]") {
  const test::TempDirectory directory;
  test::ColdFileSystem fs{storage::posix_file_system()};
  const SliceSource source{fs, directory.path("t-0")};
  SocketPair pair{1};
  SocketWriter writer{true};
  Bytes expected;
  for (int i = 0; i < 3; ++i) writer.add(with_slices(source, i, "<tail>", expected));
  auto progress = writer.send(pair.ends[0]);
  while (progress && *progress != Progress::blocked) progress = writer.send(pair.ends[0]);
  REQUIRE(progress.has_value());

  fs.drop_cache();
  const auto waits = fs.waits_of_this_thread();
  Bytes got;
  for (progress = Progress::blocked; progress && *progress == Progress::blocked;) {
    got = test::concat({got, pair.received()});
    progress = writer.send(pair.ends[0]);
  }
  REQUIRE(progress.has_value());
  CHECK(*progress == Progress::cold);
  CHECK(fs.waits_of_this_thread() == waits);
  load_cold_piece(writer);
  CHECK(test::concat({got, send_all(writer, pair)}) == expected);
}

TEST_CASE("a peer that is gone is an error, not a signal", "[socket_writer]") {
  SocketPair pair;
  ::close(std::exchange(pair.ends[1], -1));
  SocketWriter writer{true};
  writer.add({.bytes = bytes_of("anybody?")});
  CHECK(writer.send(pair.ends[0]).has_error());
}

TEST_CASE("buffers of sent responses are offered for reuse, large ones are not kept", "[socket_writer]") {
  SocketPair pair;
  SocketWriter writer{true};
  writer.add({.bytes = Bytes(100)});
  send_all(writer, pair);
  const auto spare = writer.take_spare();
  CHECK(spare.empty());
  CHECK(spare.capacity() >= 100);
  CHECK(writer.take_spare().capacity() == 0);
  writer.add({.bytes = Bytes(100'000)});
  send_all(writer, pair);
  CHECK(writer.take_spare().capacity() == 0);
}

}  // namespace sluice::broker
