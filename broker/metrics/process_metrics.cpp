#include "broker/metrics/process_metrics.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <time.h>
#include <unistd.h>

#include "broker/metrics/family.hpp"

namespace sluice::broker::metrics {
namespace {

/// The fields of proc(5)'s /proc/self/stat that are exposed, in that page's units.
struct Stat {
  double user_ticks = 0;
  double system_ticks = 0;
  double threads = 0;
  double start_ticks = 0;  // after boot
  double virtual_bytes = 0;
  double resident_pages = 0;
};

std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field, the name in parentheses, may itself hold spaces and parentheses.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t kFirstField = 3;  // of `rest`, in proc(5)'s numbering
  if (fields.size() + kFirstField <= 24) return std::nullopt;
  const auto field = [&](std::size_t number) { return std::strtod(fields[number - kFirstField].c_str(), nullptr); };
  return Stat{.user_ticks = field(14),
              .system_ticks = field(15),
              .threads = field(20),
              .start_ticks = field(22),
              .virtual_bytes = field(23),
              .resident_pages = field(24)};
}

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<double> count_open_fds() {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  double count = 0;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  if (error) return std::nullopt;
  return count - 1;  // the one that lists the directory
}

std::optional<double> read_max_fds() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(limit.rlim_cur);
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto add_gauge = [&](const char* name, const char* help, double value) {
    Family::gauge(name, help).add(value).move_to(families);
  };
  if (const auto stat = read_stat()) {
    const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto booted_at = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
    Family::counter("process_cpu_seconds_total", "CPU time spent, user and system.")
        .add((stat->user_ticks + stat->system_ticks) / ticks_per_second)
        .move_to(families);
    add_gauge("process_resident_memory_bytes", "Memory held in RAM.",
              stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    add_gauge("process_virtual_memory_bytes", "Address space in use.", stat->virtual_bytes);
    add_gauge("process_threads", "Threads of the process.", stat->threads);
    add_gauge("process_start_time_seconds", "When the process started, in seconds since 1970 UTC.",
              booted_at + stat->start_ticks / ticks_per_second);
  }
  if (const auto fds = count_open_fds()) add_gauge("process_open_fds", "Open file descriptors.", *fds);
  if (const auto fds = read_max_fds()) add_gauge("process_max_fds", "Limit of open file descriptors.", *fds);
  return families;
}

}  // namespace sluice::broker::metrics
