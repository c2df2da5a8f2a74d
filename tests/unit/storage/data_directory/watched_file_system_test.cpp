#include "storage/data_directory/watched_file_system.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

struct Harness {
  MemoryFileSystem disk{std::uint64_t{64} << 20};
  DirectoryHealth one{"/one"};
  DirectoryHealth two{"/one-two"};  // the other's path is a prefix of it
  WatchedFileSystem fs{disk};

  Harness() {
    fs.watch(one);
    fs.watch(two);
    REQUIRE(fs.create_directories("/one"));
    REQUIRE(fs.create_directories("/one-two"));
  }
  std::unique_ptr<File> file(const std::string& path) { return std::move(*fs.open(path, OpenMode::create)); }
};

std::error_code system(int error) { return {error, std::system_category()}; }

}  // namespace

TEST_CASE("a directory fails with the first call that tells of a broken disk, alone and once", "[directory_health]") {
  Harness harness;
  int told = 0;
  harness.one.on_failure([&](DirectoryHealth&) { ++told; });
  const auto file = harness.file("/one/a");
  const auto other = harness.file("/one-two/a");
  const auto operation = GENERATE(Operation::write, Operation::sync, Operation::truncate);
  harness.disk.inject({.operation = operation, .path_contains = "/one/", .error = EIO});
  const auto call = [&]() -> Result<> {
    if (operation == Operation::write) return file->write_at(0, as_byte_view("x"));
    return operation == Operation::sync ? file->sync_data() : file->truncate(1);
  };
  CHECK(call().error() == system(EIO));
  CHECK(harness.one.has_failed());
  CHECK(harness.one.error() == system(EIO));
  CHECK(told == 1);

  harness.disk.clear_faults();
  CHECK(call().error() == Errc::directory_offline);
  CHECK(harness.fs.open("/one/b", OpenMode::create).error() == Errc::directory_offline);
  CHECK(harness.fs.rename("/one/a", "/one/c").error() == Errc::directory_offline);
  CHECK(harness.fs.sync_directory("/one").error() == Errc::directory_offline);
  CHECK(told == 1);

  CHECK_FALSE(harness.two.has_failed());
  CHECK(other->write_at(0, as_byte_view("x")));
  CHECK(other->sync_data());
}

TEST_CASE("a block that can't be read is no failure of its disk", "[directory_health]") {
  Harness harness;
  const auto file = harness.file("/one/a");
  REQUIRE(file->write_at(0, as_byte_view("x")));
  harness.disk.inject({.operation = Operation::read, .error = EIO});
  std::byte byte{};
  CHECK_FALSE(file->read_at(0, {&byte, 1}));
  CHECK_FALSE(harness.one.has_failed());
  harness.disk.inject({.operation = Operation::read, .error = ENODEV});
  CHECK_FALSE(file->read_at(0, {&byte, 1}));
  CHECK(harness.one.has_failed());
}

TEST_CASE("a full disk is not a failed one: records are refused, the reserve may be written", "[directory_health]") {
  Harness harness;
  harness.one.space().set_reserve(2 * kMiB);
  harness.disk.set_capacity(8 * kMiB);
  harness.one.space().look(*harness.fs.space("/one"));
  const auto file = harness.file("/one/a");
  const std::vector<std::byte> chunk(kMiB);
  std::uint64_t written = 0;
  for (; !harness.one.space().is_full(); written += kMiB) REQUIRE(file->write_at(written, ByteView{chunk}));
  CHECK(written == 7 * kMiB);  // noticed while the reserve is begun, a whole second before the next look
  CHECK(file->write_at(written, ByteView{chunk}));
  CHECK(file->write_at(written + kMiB, ByteView{chunk}).error() == std::errc::no_space_on_device);
  CHECK_FALSE(harness.one.has_failed());

  SECTION("there is room again a quarter of the reserve above it") {
    REQUIRE(file->truncate(6 * kMiB));
    harness.one.space().look(*harness.fs.space("/one"));
    CHECK(harness.one.space().is_full());
    REQUIRE(file->truncate(4 * kMiB));
    harness.one.space().look(*harness.fs.space("/one"));
    CHECK_FALSE(harness.one.space().is_full());
  }
}

TEST_CASE("space is set aside for records only out of what is not the reserve", "[directory_health]") {
  Harness harness;
  harness.one.space().set_reserve(2 * kMiB);
  harness.one.space().look({.total = 100 * kMiB, .available = 10 * kMiB});
  const auto file = harness.file("/one/a");
  CHECK(file->reserve(8 * kMiB));
  CHECK(file->reserve(9 * kMiB).error() == std::errc::no_space_on_device);
  CHECK_FALSE(harness.one.space().is_full());
  const auto index = harness.file("/one/index");
  CHECK(index->reserve(4096));  // what a store through a mapping must have
}

TEST_CASE("the default reserve is a twentieth of the disk, a quarter of a GiB at most", "[directory_health]") {
  CHECK(DirectorySpace::default_reserve(200 * kMiB) == 10 * kMiB);
  CHECK(DirectorySpace::default_reserve(std::uint64_t{4} << 40) == 256 * kMiB);
}

}  // namespace sluice::storage
