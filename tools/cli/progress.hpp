#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice::tools {

/// How far a long command is, on standard error: only on a terminal, after half a second, ten times a second at most.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total_bytes, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t bytes);

 private:
  std::string label_;
  std::uint64_t total_bytes_;
  std::uint64_t done_bytes_ = 0;
  bool shows_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

/// "1.2 GiB"
std::string human_bytes(std::uint64_t bytes);

}  // namespace sluice::tools
