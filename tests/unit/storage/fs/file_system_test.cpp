#include "storage/fs/file_system.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

class PosixFixture {
 public:
  PosixFixture() {
    std::string path = (std::filesystem::temp_directory_path() / "sluice-fs-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    root = path;
  }
  ~PosixFixture() { std::filesystem::remove_all(root); }

  FileSystem& fs = posix_file_system();
  std::string root;
};

class MemoryFixture {
 public:
  MemoryFixture() { REQUIRE(fs.create_directories(root)); }

  MemoryFileSystem fs;
  std::string root = "/data";
};

std::string read_text(const File& file, std::uint64_t position, std::size_t size) {
  std::string text(size, '?');
  text.resize(file.read_at(position, std::as_writable_bytes(std::span{text})).value());
  return text;
}

}  // namespace

TEMPLATE_TEST_CASE("a file reads back what was written at each position", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto file = fixture.fs.open(fixture.root + "/a", OpenMode::create_new).value();
  const std::vector<ByteView> parts{as_byte_view("one "), as_byte_view(""), as_byte_view("two "),
                                    as_byte_view("three")};
  REQUIRE(file->write_at(0, parts));
  REQUIRE(file->write_at(4, as_byte_view("TWO")));

  CHECK(file->size().value() == 13);
  CHECK(read_text(*file, 0, 13) == "one TWO three");
  CHECK(read_text(*file, 8, 100) == "three");
  CHECK(read_text(*file, 13, 1).empty());
  CHECK(read_text(*file, 99, 1).empty());

  REQUIRE(file->write_at(15, as_byte_view("x")));
  CHECK(read_text(*file, 12, 9) == std::string("e\0\0x", 4));
}

TEMPLATE_TEST_CASE("a write of more parts than one system call takes is complete", "[fs]", PosixFixture,
                   MemoryFixture) {
  TestType fixture;
  const auto file = fixture.fs.open(fixture.root + "/a", OpenMode::create).value();
  const std::vector<ByteView> parts(3000, as_byte_view("ab"));
  REQUIRE(file->write_at(0, parts));
  CHECK(file->size().value() == 6000);
  CHECK(read_text(*file, 5997, 3) == "bab");
}

TEMPLATE_TEST_CASE("truncation cuts a file or extends it with zeros", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto file = fixture.fs.open(fixture.root + "/a", OpenMode::create).value();
  REQUIRE(file->write_at(0, as_byte_view("abcdef")));
  REQUIRE(file->truncate(2));
  CHECK(file->size().value() == 2);
  REQUIRE(file->truncate(4));
  CHECK(read_text(*file, 0, 9) == std::string("ab\0\0", 4));
}

TEMPLATE_TEST_CASE("a reservation leaves the size alone", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto file = fixture.fs.open(fixture.root + "/a", OpenMode::create).value();
  REQUIRE(file->reserve(1 << 20));
  REQUIRE(file->reserve(0));
  CHECK(file->size().value() == 0);
  CHECK(file->sync_data());
}

TEMPLATE_TEST_CASE("open takes a mode at its word", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto path = fixture.root + "/a";
  CHECK(fixture.fs.open(path, OpenMode::existing).error() == std::errc::no_such_file_or_directory);
  CHECK(fixture.fs.open(path, OpenMode::existing_read_only).error() == std::errc::no_such_file_or_directory);
  CHECK(fixture.fs.open(fixture.root + "/no/a", OpenMode::create).error() == std::errc::no_such_file_or_directory);
  CHECK(fixture.fs.open(fixture.root, OpenMode::create).error() == std::errc::is_a_directory);
  REQUIRE(fixture.fs.open(path, OpenMode::create).value()->write_at(0, as_byte_view("kept")));
  CHECK(fixture.fs.open(path, OpenMode::create_new).error() == std::errc::file_exists);
  CHECK(fixture.fs.open(path + "/b", OpenMode::create).error() == std::errc::not_a_directory);
  CHECK(fixture.fs.open(path, OpenMode::create).value()->size().value() == 4);

  const auto read_only = fixture.fs.open(path, OpenMode::existing_read_only).value();
  CHECK(read_text(*read_only, 0, 4) == "kept");
  const auto refused = read_only->write_at(0, as_byte_view("x"));
  CHECK(refused.error() == std::errc::bad_file_descriptor);
  CHECK(refused.error().category() == std::system_category());
  CHECK(read_only->truncate(0).error() == std::errc::invalid_argument);
  CHECK(read_only->map(4, Access::read_write).error() == std::errc::permission_denied);
}

TEMPLATE_TEST_CASE("a mapping and its file show each other's writes", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto path = fixture.root + "/a";
  auto file = fixture.fs.open(path, OpenMode::create).value();
  REQUIRE(file->truncate(8192));
  const auto writable = file->map(8192, Access::read_write).value();
  const auto readable = file->map(4096, Access::read_only).value();
  REQUIRE(readable->bytes().size() == 4096);

  std::memcpy(writable->bytes().data() + 100, "mapped", 6);
  CHECK(read_text(*file, 100, 6) == "mapped");
  CHECK(as_text(readable->bytes().subspan(100, 6)) == "mapped");
  REQUIRE(file->write_at(100, as_byte_view("file")));
  CHECK(as_text(writable->bytes().subspan(100, 6)) == "fileed");
  CHECK(writable->sync());

  SECTION("and it outlives the file's name and handle, and growth") {
    REQUIRE(file->write_at(8192, as_byte_view(std::string(100'000, 'z'))));
    REQUIRE(fixture.fs.remove(path));
    file.reset();
    CHECK(as_text(readable->bytes().subspan(100, 6)) == "fileed");
  }
  SECTION("and never reaches past the file's end") {
    CHECK(file->map(8193, Access::read_only).error() == std::errc::invalid_argument);
    CHECK(file->map(0, Access::read_only).error() == std::errc::invalid_argument);
  }
}

TEMPLATE_TEST_CASE("directories are made with their parents and listed by name", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  auto& fs = fixture.fs;
  REQUIRE(fs.create_directories(fixture.root + "/t-1/deep"));
  REQUIRE(fs.create_directories(fixture.root + "/t-1/deep"));
  REQUIRE(fs.open(fixture.root + "/b", OpenMode::create));
  REQUIRE(fs.open(fixture.root + "/a", OpenMode::create));

  const auto entries = fs.list(fixture.root).value();
  REQUIRE(entries.size() == 3);
  CHECK((entries[0].name == "a" && !entries[0].is_directory));
  CHECK((entries[1].name == "b" && !entries[1].is_directory));
  CHECK((entries[2].name == "t-1" && entries[2].is_directory));
  CHECK(fs.list(fixture.root + "/none").error() == std::errc::no_such_file_or_directory);
  CHECK(fs.list(fixture.root + "/a").error() == std::errc::not_a_directory);
  CHECK(fs.create_directories(fixture.root + "/a/b").error() == std::errc::not_a_directory);
  CHECK(fs.exists(fixture.root + "/t-1/deep").value());
  CHECK_FALSE(fs.exists(fixture.root + "/t-2").value());
  CHECK_FALSE(fs.exists(fixture.root + "/a/b").value());
  CHECK(fs.sync_directory(fixture.root));
  CHECK_FALSE(fs.sync_directory(fixture.root + "/none"));
}

TEMPLATE_TEST_CASE("rename replaces files, moves directories, and refuses what can't be", "[fs]", PosixFixture,
                   MemoryFixture) {
  TestType fixture;
  auto& fs = fixture.fs;
  const auto at = [&](std::string_view name) { return join_path(fixture.root, name); };
  REQUIRE(write_file_atomically(fs, at("a"), "A"));
  REQUIRE(write_file_atomically(fs, at("b"), "B"));
  REQUIRE(fs.rename(at("a"), at("b")));
  CHECK(read_file(fs, at("b")).value() == "A");
  CHECK_FALSE(fs.exists(at("a")).value());
  CHECK(fs.rename(at("b"), at("b")));

  REQUIRE(fs.create_directories(at("t-0")));
  REQUIRE(write_file_atomically(fs, at("t-0/log"), "L"));
  REQUIRE(fs.rename(at("t-0"), at("t-0-delete")));
  CHECK(read_file(fs, at("t-0-delete/log")).value() == "L");

  CHECK(fs.rename(at("none"), at("x")).error() == std::errc::no_such_file_or_directory);
  CHECK(fs.rename(at("b"), at("t-0-delete")).error() == std::errc::is_a_directory);
  CHECK(fs.rename(at("t-0-delete"), at("b")).error() == std::errc::not_a_directory);
  CHECK(fs.rename(at("t-0-delete"), at("t-0-delete/inner")).error() == std::errc::invalid_argument);
  REQUIRE(fs.create_directories(at("t-1")));
  CHECK(fs.rename(at("t-1"), at("t-0-delete")).error() == std::errc::directory_not_empty);
  CHECK(fs.rename(at("t-0-delete"), at("t-1")));
}

TEMPLATE_TEST_CASE("removal is of files or whole trees, and fine where there is nothing", "[fs]", PosixFixture,
                   MemoryFixture) {
  TestType fixture;
  auto& fs = fixture.fs;
  const auto path = fixture.root + "/a";
  const auto file = fs.open(path, OpenMode::create).value();
  REQUIRE(file->write_at(0, as_byte_view("still here")));
  REQUIRE(fs.remove(path));
  CHECK(fs.remove(path));
  CHECK_FALSE(fs.exists(path).value());
  CHECK(read_text(*file, 0, 10) == "still here");

  REQUIRE(fs.create_directories(fixture.root + "/t/deep"));
  REQUIRE(write_file_atomically(fs, fixture.root + "/t/deep/a", "x"));
  CHECK(fs.remove(fixture.root + "/t").error() == std::errc::is_a_directory);
  REQUIRE(fs.remove_all(fixture.root + "/t"));
  CHECK(fs.remove_all(fixture.root + "/t"));
  CHECK(fs.list(fixture.root).value().empty());
}

TEMPLATE_TEST_CASE("an atomic write replaces the content and leaves nothing beside it", "[fs]", PosixFixture,
                   MemoryFixture) {
  TestType fixture;
  const auto path = fixture.root + "/checkpoint";
  CHECK(read_file(fixture.fs, path).error() == std::errc::no_such_file_or_directory);
  REQUIRE(fixture.fs.open(path + ".tmp", OpenMode::create).value()->write_at(0, as_byte_view("a long leftover")));
  REQUIRE(write_file_atomically(fixture.fs, path, "first"));
  REQUIRE(write_file_atomically(fixture.fs, path, "2nd"));
  CHECK(read_file(fixture.fs, path).value() == "2nd");
  CHECK(fixture.fs.list(fixture.root).value().size() == 1);
}

TEMPLATE_TEST_CASE("a file system has space", "[fs]", PosixFixture, MemoryFixture) {
  TestType fixture;
  const auto space = fixture.fs.space(fixture.root).value();
  CHECK(space.total > 0);
  CHECK(space.available <= space.total);
  CHECK_FALSE(fixture.fs.space(fixture.root + "/none"));
}

TEST_CASE("paths join and part at the last slash", "[fs]") {
  CHECK(join_path("/data", "t-0") == "/data/t-0");
  CHECK(join_path("/data/", "t-0") == "/data/t-0");
  CHECK(join_path("", "t-0") == "t-0");
  CHECK(parent_path("/data/t-0/a.log") == "/data/t-0");
  CHECK(parent_path("/data/t-0/") == "/data");
  CHECK(parent_path("/data") == "/");
  CHECK(parent_path("a.log") == ".");
}

}  // namespace sluice::storage
