#include "storage/fs/memory_file_system.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kSector = 512;

std::unique_ptr<File> create_durably(MemoryFileSystem& fs, const std::string& path, std::string_view content = "") {
  auto file = fs.open(path, OpenMode::create).value();
  REQUIRE(file->write_at(0, as_byte_view(content)));
  REQUIRE(file->sync_data());
  REQUIRE(fs.sync_directory(parent_path(path)));
  return file;
}

int error_of(const Result<>& result) { return result ? 0 : result.error().value(); }

/// Text that differs in every sector.
std::string sectors(std::size_t count, char first) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(kSector, static_cast<char>(first + i));
  return text;
}

}  // namespace

TEST_CASE("a power failure takes what was not synced and leaves what was", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a", "synced");
  REQUIRE(file->write_at(6, as_byte_view(" unsynced")));
  REQUIRE(file->write_at(0, as_byte_view("SYN")));

  SECTION("at its worst") {
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/a").value() == "synced");
  }
  SECTION("nothing, if only the process died") {
    fs.crash(CrashPolicy::keep_unsynced);
    CHECK(read_file(fs, "/a").value() == "SYNced unsynced");
  }
  SECTION("a truncation, too") {
    REQUIRE(file->truncate(3));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/a").value() == "synced");
  }
  SECTION("but not after a sync") {
    REQUIRE(file->truncate(3));
    REQUIRE(file->sync_data());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/a").value() == "SYN");
  }
}

TEST_CASE("names are durable once their directory is synced", "[fs]") {
  MemoryFileSystem fs;
  REQUIRE(fs.create_directories("/d/t-0"));
  REQUIRE(fs.sync_directory("/"));
  create_durably(fs, "/d/a", "A");

  SECTION("a new file's name goes though its data was synced") {
    REQUIRE(fs.open("/d/b", OpenMode::create).value()->sync_data());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK_FALSE(fs.exists("/d/b").value());
    CHECK(fs.exists("/d/a").value());
  }
  SECTION("a rename is undone") {
    REQUIRE(fs.rename("/d/a", "/d/b"));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/d/a").value() == "A");
    CHECK_FALSE(fs.exists("/d/b").value());
  }
  SECTION("a removal is undone") {
    REQUIRE(fs.remove("/d/a"));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/d/a").value() == "A");
  }
  SECTION("a tree's removal is durable with its parent, whatever was pending inside") {
    REQUIRE(fs.open("/d/t-0/log", OpenMode::create));
    REQUIRE(fs.remove_all("/d/t-0"));
    REQUIRE(fs.sync_directory("/d"));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(fs.list("/d").value().size() == 1);
  }
  SECTION("a rename between directories takes its source's creation along") {
    REQUIRE(fs.open("/d/b", OpenMode::create).value()->sync_data());
    REQUIRE(fs.rename("/d/b", "/d/t-0/b"));
    REQUIRE(fs.sync_directory("/d/t-0"));
    REQUIRE(fs.sync_directory("/d"));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(fs.exists("/d/t-0/b").value());
    CHECK_FALSE(fs.exists("/d/b").value());
  }
  SECTION("a renamed file without a sync of its data is empty") {
    REQUIRE(fs.open("/d/b", OpenMode::create).value()->write_at(0, as_byte_view("B")));
    REQUIRE(fs.rename("/d/b", "/d/a"));
    REQUIRE(fs.sync_directory("/d"));
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/d/a").value().empty());
  }
}

TEST_CASE("a random crash tears between sectors only, and the seed decides how", "[fs]") {
  const auto after_crash = [](std::uint64_t seed) {
    MemoryFileSystem fs;
    const auto file = create_durably(fs, "/a", sectors(8, 'a'));
    REQUIRE(file->write_at(0, as_byte_view(sectors(8, 'A'))));
    fs.crash(CrashPolicy::random, seed);
    return read_file(fs, "/a").value();
  };
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto content = after_crash(seed);
    REQUIRE(content == after_crash(seed));
    REQUIRE(content.size() == 8 * kSector);
    for (std::size_t i = 0; i < 8; ++i) {
      const auto sector = content.substr(i * kSector, kSector);
      const bool is_old = sector == std::string(kSector, static_cast<char>('a' + i));
      const bool is_new = sector == std::string(kSector, static_cast<char>('A' + i));
      REQUIRE((is_old || is_new));
    }
    outcomes.insert(content);
  }
  CHECK(outcomes.size() > 50);
  CHECK(outcomes.contains(sectors(8, 'a')));
  CHECK(outcomes.contains(sectors(8, 'A')));
}

TEST_CASE("a random crash keeps a sector's writes in order", "[fs]") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    MemoryFileSystem fs;
    const auto file = create_durably(fs, "/a", "....");
    for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(file->write_at(i, as_byte_view("x")));
    fs.crash(CrashPolicy::random, seed);
    outcomes.insert(read_file(fs, "/a").value());
  }
  CHECK(outcomes == std::set<std::string>{"....", "x...", "xx..", "xxx.", "xxxx"});
}

TEST_CASE("a random crash may keep the size of an append without its data", "[fs]") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryFileSystem fs;
    const auto file = create_durably(fs, "/a");
    REQUIRE(file->write_at(0, as_byte_view("x")));
    fs.crash(CrashPolicy::random, seed);
    outcomes.insert(read_file(fs, "/a").value());
  }
  CHECK(outcomes == std::set<std::string>{"", std::string(1, '\0'), "x"});
}

TEST_CASE("what was synced before survives every random crash", "[fs]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    MemoryFileSystem fs;
    const auto file = create_durably(fs, "/a", sectors(3, 'a'));
    REQUIRE(file->write_at(3 * kSector, as_byte_view(sectors(3, 'A'))));
    REQUIRE(fs.rename("/a", "/b"));
    fs.crash(CrashPolicy::random, seed);
    REQUIRE(fs.exists("/a").value() != fs.exists("/b").value());
    const auto content = read_file(fs, fs.exists("/a").value() ? "/a" : "/b").value();
    REQUIRE(content.substr(0, 3 * kSector) == sectors(3, 'a'));
  }
}

TEST_CASE("a crash kills what was open", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a", "content");
  const auto mapping = file->map(7, Access::read_write).value();
  fs.crash(CrashPolicy::keep_unsynced);

  CHECK(error_of(file->write_at(0, as_byte_view("x"))) == EBADF);
  CHECK(error_of(file->sync_data()) == EBADF);
  CHECK(file->size().error() == std::errc::bad_file_descriptor);
  CHECK(error_of(mapping->sync()) == EBADF);
  mapping->bytes()[0] = std::byte{'X'};
  CHECK(read_file(fs, "/a").value() == "content");
}

TEST_CASE("writes through a mapping are as unsynced as any", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/index", std::string(2000, '.'));
  const auto mapping = file->map(2000, Access::read_write).value();
  std::memcpy(mapping->bytes().data() + 1000, "mapped", 6);

  SECTION("lost without a sync") {
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/index").value() == std::string(2000, '.'));
  }
  SECTION("kept by the mapping's sync") {
    REQUIRE(mapping->sync());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/index").value().substr(1000, 6) == "mapped");
  }
  SECTION("kept by the file's sync") {
    REQUIRE(file->sync_data());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/index").value().substr(1000, 6) == "mapped");
  }
  SECTION("lost for good when the sync fails") {
    fs.inject({.operation = Operation::sync});
    CHECK_FALSE(mapping->sync());
    REQUIRE(mapping->sync());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/index").value() == std::string(2000, '.'));
  }
  SECTION("cut off by a truncation that is synced") {
    REQUIRE(file->truncate(1003));
    REQUIRE(file->sync_data());
    fs.crash(CrashPolicy::lose_unsynced);
    CHECK(read_file(fs, "/index").value() == std::string(1000, '.') + "map");
  }
}

TEST_CASE("a failed sync drops the data for good, and the next one claims success", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a", "old");
  REQUIRE(file->write_at(0, as_byte_view("new")));
  fs.inject({.operation = Operation::sync});
  CHECK(error_of(file->sync_data()) == EIO);
  CHECK(read_file(fs, "/a").value() == "new");
  REQUIRE(file->sync_data());
  fs.crash(CrashPolicy::keep_unsynced);
  CHECK(read_file(fs, "/a").value() == "old");
}

TEST_CASE("a fault hits the calls it names", "[fs]") {
  MemoryFileSystem fs;
  const auto log = create_durably(fs, "/a.log");
  const auto index = create_durably(fs, "/a.index");

  SECTION("the n-th of a kind, once") {
    fs.inject({.operation = Operation::write, .nth = 2, .error = EIO});
    CHECK(error_of(log->write_at(0, as_byte_view("1"))) == 0);
    CHECK(error_of(log->sync_data()) == 0);
    CHECK(error_of(log->write_at(1, as_byte_view("2"))) == EIO);
    CHECK(error_of(log->write_at(1, as_byte_view("2"))) == 0);
  }
  SECTION("of some files only") {
    fs.inject({.path_contains = ".log", .repeat = Fault::kForever, .error = EIO});
    CHECK(error_of(index->sync_data()) == 0);
    CHECK(error_of(log->sync_data()) == EIO);
    CHECK(fs.open("/b.log", OpenMode::create).error() == std::errc::io_error);
    CHECK(error_of(fs.rename("/a.log", "/c")) == EIO);
    CHECK(fs.exists("/a.index").value());
    fs.clear_faults();
    CHECK(error_of(log->sync_data()) == 0);
  }
  SECTION("a short write stores a prefix") {
    fs.inject({.operation = Operation::write, .error = EIO, .stored_bytes = 3});
    CHECK(error_of(log->write_at(0, as_byte_view("abcdef"))) == EIO);
    CHECK(read_file(fs, "/a.log").value() == "abc");
  }
  SECTION("every kind can fail, and then nothing happened") {
    fs.inject({.repeat = Fault::kForever, .error = EIO});
    std::byte byte;
    CHECK_FALSE(fs.open("/a.log", OpenMode::existing));
    CHECK_FALSE(log->read_at(0, {&byte, 1}));
    CHECK_FALSE(log->write_at(0, as_byte_view("x")));
    CHECK_FALSE(log->truncate(9));
    CHECK_FALSE(log->reserve(9));
    CHECK_FALSE(log->sync_data());
    CHECK_FALSE(log->map(1, Access::read_only));
    CHECK_FALSE(fs.exists("/a.log"));
    CHECK_FALSE(fs.list("/"));
    CHECK_FALSE(fs.create_directories("/d"));
    CHECK_FALSE(fs.rename("/a.log", "/b"));
    CHECK_FALSE(fs.remove("/a.log"));
    CHECK_FALSE(fs.remove_all("/"));
    CHECK_FALSE(fs.sync_directory("/"));
    CHECK_FALSE(fs.space("/"));
    fs.clear_faults();
    CHECK(fs.list("/").value().size() == 2);
    CHECK(log->size().value() == 0);
  }
}

TEST_CASE("a full disk takes what fits and says so", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a", "12345678");
  fs.set_capacity(10);
  CHECK(fs.space("/").value().available == 2);
  CHECK(error_of(file->reserve(11)) == ENOSPC);
  CHECK(error_of(file->truncate(11)) == ENOSPC);
  CHECK(error_of(file->write_at(8, as_byte_view("9abc"))) == ENOSPC);
  CHECK(read_file(fs, "/a").value() == "123456789a");
  CHECK(error_of(file->write_at(0, as_byte_view("within"))) == 0);

  SECTION("truncation makes room") {
    REQUIRE(file->truncate(4));
    CHECK(fs.space("/").value().available == 6);
  }
  SECTION("a reservation holds room that another file then lacks") {
    REQUIRE(file->truncate(0));
    REQUIRE(file->reserve(8));
    CHECK(error_of(fs.open("/b", OpenMode::create).value()->write_at(0, as_byte_view("xyz"))) == ENOSPC);
    CHECK(error_of(file->write_at(0, as_byte_view("12345678"))) == 0);
  }
}

TEST_CASE("removing a file makes room once nobody has it open and its directory is synced", "[fs]") {
  MemoryFileSystem fs;
  fs.set_capacity(10);
  create_durably(fs, "/a", "12345678").reset();
  REQUIRE(fs.remove("/a"));
  REQUIRE(fs.sync_directory("/"));
  CHECK(fs.space("/").value().available == 10);
}

TEST_CASE("an atomic write is all or nothing wherever it fails or the power goes", "[fs]") {
  std::uint64_t calls = 0;
  {
    MemoryFileSystem fs;
    create_durably(fs, "/c", "old");
    const auto before = fs.calls();
    REQUIRE(write_file_atomically(fs, "/c", "the new one"));
    calls = fs.calls() - before;
  }
  CHECK(calls == 6);  // open, truncate, write, sync, rename, sync of the directory
  for (std::uint64_t n = 1; n <= calls + 1; ++n) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(n, seed);
      MemoryFileSystem fs;
      create_durably(fs, "/c", "old");
      fs.fail_from(fs.calls() + n, EIO);
      const bool done = write_file_atomically(fs, "/c", "the new one").has_value();
      fs.clear_faults();
      fs.crash(CrashPolicy::random, seed);
      const auto content = read_file(fs, "/c").value();
      REQUIRE((content == "the new one" || (content == "old" && !done)));
    }
  }
}

TEST_CASE("fail_at numbers calls from the first ever made", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a");
  fs.fail_at(fs.calls() + 2, ENOSPC);
  CHECK(error_of(file->write_at(0, as_byte_view("x"))) == 0);
  CHECK(error_of(file->write_at(0, as_byte_view("x"))) == ENOSPC);
  CHECK(error_of(file->write_at(0, as_byte_view("x"))) == 0);
}

TEST_CASE("a file does not grow beyond the addresses set aside for it", "[fs]") {
  MemoryFileSystem fs{1 << 16};
  const auto file = create_durably(fs, "/a");
  CHECK(error_of(file->write_at((1 << 16) - 1, as_byte_view("x"))) == 0);
  CHECK(error_of(file->write_at(1 << 16, as_byte_view("x"))) == EFBIG);
  CHECK(error_of(file->truncate((1 << 16) + 1)) == EFBIG);
}

TEST_CASE("one thread syncs what another one writes, through a mapping as well", "[fs]") {
  MemoryFileSystem fs;
  const auto file = create_durably(fs, "/a", std::string(4096, '.'));
  const auto mapping = file->map(4096, Access::read_write).value();
  std::thread writer{[&] {
    for (std::size_t i = 0; i < 4096; ++i) {
      mapping->bytes()[i] = std::byte{'x'};
      if (i % 64 == 0) (void)file->write_at(4096 + i, as_byte_view("y"));
    }
  }};
  for (int i = 0; i < 100; ++i) (void)file->sync_data();
  writer.join();
  REQUIRE(file->sync_data());
  fs.crash(CrashPolicy::lose_unsynced);
  CHECK(read_file(fs, "/a").value().substr(0, 4097) == std::string(4096, 'x') + 'y');
}

}  // namespace sluice::storage
