#pragma once

#include <cstdint>

namespace sluice::bench {

/// What the server under load costs, as the kernel tells; of a Java process, its live heap as its `jcmd` tells.
class ServerProcess {
 public:
  /// 0: not known, all figures are 0.
  explicit ServerProcess(int pid) noexcept : pid_(pid) {}

  double cpu_seconds() const;  ///< user and system, since it began
  double resident_bytes() const;
  /// What it holds: the heap that is left after a full collection of a Java process, else the resident bytes.
  double held_bytes() const;

 private:
  bool is_java() const;

  const int pid_;
};

}  // namespace sluice::bench
