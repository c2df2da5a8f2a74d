#include "tools/cli/progress.hpp"

#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice::tools {

using namespace std::chrono_literals;

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Progress::Progress(std::string label, std::uint64_t total_bytes, bool quiet)
    : label_(std::move(label)),
      total_bytes_(total_bytes),
      shows_(!quiet && ::isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + 500ms) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::uint64_t bytes) {
  done_bytes_ += bytes;
  if (!shows_ || std::chrono::steady_clock::now() < next_) return;
  next_ = std::chrono::steady_clock::now() + 100ms;
  shown_ = true;
  const auto percent = total_bytes_ == 0 ? 100 : 100 * done_bytes_ / total_bytes_;
  const auto line =
      fmt::format("\r\033[K{}  {}%  {} of {}", label_, percent, human_bytes(done_bytes_), human_bytes(total_bytes_));
  std::fputs(line.c_str(), stderr);
}

}  // namespace sluice::tools
