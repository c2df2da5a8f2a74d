// What the device does: threads that append 4 KiB and call fdatasync, over and over, each to a file of its own or all
// to one. Space is reserved ahead, as a log does it. One JSON line.
//
//   fdatasync_bench DIRECTORY THREADS FILES SECONDS
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "storage/fs/file_system.hpp"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;
constexpr std::size_t kAppendBytes = 4096;
constexpr std::uint64_t kReserved = std::uint64_t{64} << 20;

struct Appendable {
  std::unique_ptr<storage::File> file;
  std::atomic<std::uint64_t> end{0};
};

[[noreturn]] void fail(const char* what, const std::error_code& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
  std::exit(1);
}

/// Microseconds of each append together with its sync, until `deadline`.
std::vector<double> append_and_sync(Appendable& to, Clock::time_point deadline) {
  const std::vector<std::byte> bytes(kAppendBytes, std::byte{0x5a});
  std::vector<double> took;
  for (auto started = Clock::now(); started < deadline;) {
    const auto position = to.end.fetch_add(kAppendBytes);
    if (const auto written = to.file->write_at(position, ByteView{bytes}); !written) fail("write", written.error());
    if (const auto synced = to.file->sync_data(); !synced) fail("fdatasync", synced.error());
    const auto now = Clock::now();
    took.push_back(std::chrono::duration<double, std::micro>(now - started).count());
    started = now;
  }
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s DIRECTORY THREADS FILES SECONDS\n", argv[0]);
    return 2;
  }
  const std::string directory = argv[1];
  const auto threads = static_cast<std::size_t>(std::atoi(argv[2]));
  const auto files = static_cast<std::size_t>(std::atoi(argv[3]));
  const double seconds = std::atof(argv[4]);
  if (threads == 0 || files == 0) return 2;
  auto& fs = storage::posix_file_system();
  std::vector<Appendable> open(files);
  for (std::size_t i = 0; i < files; ++i) {
    auto file = fs.open(storage::join_path(directory, "fdatasync-" + std::to_string(i)), storage::OpenMode::create);
    if (!file) fail("open", file.error());
    open[i].file = std::move(*file);
    if (const auto reserved = open[i].file->reserve(kReserved); !reserved) fail("reserve", reserved.error());
  }
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{seconds});
  std::vector<std::vector<double>> found(threads);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { found[i] = append_and_sync(open[i % files], deadline); });
  }
  for (auto& thread : running) thread.join();
  std::vector<double> all;
  for (const auto& one : found) all.insert(all.end(), one.begin(), one.end());
  std::sort(all.begin(), all.end());
  const auto percentile = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("{\"per_second\": %.1f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f}\n",
              static_cast<double>(all.size()) / seconds, percentile(0.5), percentile(0.99), percentile(0.999));
  for (std::size_t i = 0; i < files; ++i) {
    (void)fs.remove(storage::join_path(directory, "fdatasync-" + std::to_string(i)));
  }
  return 0;
}
