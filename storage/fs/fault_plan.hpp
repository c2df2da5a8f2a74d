#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::storage {

/// The calls of FileSystem, File and Mapping that may fail; a mapping's sync counts as `sync`.
enum class Operation {
  open,
  read,
  write,
  truncate,
  reserve,
  sync,
  map,
  exists,
  list,
  create_directories,
  rename,
  remove,
  sync_directory,
  space
};

/// Makes calls fail: those numbered [nth, nth + repeat) among the calls that match, counted from its injection.
struct Fault {
  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

  std::optional<Operation> operation = std::nullopt;  ///< none: any
  std::string path_contains = {};                     ///< empty: any file or directory
  std::uint64_t nth = 1;
  std::uint64_t repeat = 1;
  int error = EIO;               ///< an errno
  std::size_t stored_bytes = 0;  ///< a failing write stores this much of its data before it fails
};

/// The faults to come. Not thread-safe: its owner locks.
class FaultPlan {
 public:
  void inject(Fault fault) { faults_.push_back({std::move(fault), 0}); }
  void clear() noexcept { faults_.clear(); }

  /// Counts a call; the fault that hits it, if any.
  std::optional<Fault> on_call(Operation operation, std::string_view path);
  std::uint64_t calls() const noexcept { return calls_; }
  /// While suspended, calls neither fail nor count.
  void suspend(bool suspended) noexcept { suspended_ = suspended; }

 private:
  struct Armed {
    Fault fault;
    std::uint64_t matched;  // calls seen so far that match
  };

  std::vector<Armed> faults_;
  std::uint64_t calls_ = 0;
  bool suspended_ = false;
};

}  // namespace sluice::storage
