#include "storage/wal/errc.hpp"

#include <string>

namespace sluice::storage::wal {
namespace {

class WalCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "wal"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::corrupt: return "the write-ahead log is damaged where it was durable";
      case Errc::failed: return "an earlier sync failed or the log was closed: open it anew";
      case Errc::write_too_large: return "a batch must fit into a segment";
      case Errc::several_logs: return "an atomic batch can't span several physical logs";
      case Errc::out_of_range: return "nothing was written at that sequence yet";
      case Errc::wrong_layout: return "the directory holds a log of another layout, or none";
      case Errc::locked: return "another process has the log open";
    }
    return "unknown";
  }
};

}  // namespace

const std::error_category& wal_category() noexcept {
  static const WalCategory category;
  return category;
}

}  // namespace sluice::storage::wal
