#include "storage/errc.hpp"

#include <string>

namespace sluice::storage {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "storage"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::offset_out_of_range: return "offset out of range";
      case Errc::corrupt_batch: return "corrupt record batch";
      case Errc::corrupt_index: return "corrupt index";
      case Errc::corrupt_checkpoint: return "corrupt checkpoint or snapshot file";
      case Errc::index_full: return "index full";
      case Errc::segment_full: return "segment full";
      case Errc::batch_larger_than_segment: return "batch larger than a segment";
      case Errc::out_of_order_sequence: return "out of order sequence number";
      case Errc::stale_producer_epoch: return "stale producer epoch";
      case Errc::stale_coordinator_epoch: return "stale transaction coordinator epoch";
      case Errc::log_offline: return "log directory offline";
      case Errc::wrong_directory: return "data directory belongs to another cluster, node or topic";
      case Errc::directory_locked: return "data directory in use by another process";
      case Errc::directory_offline: return "data directory offline";
      case Errc::not_cached: return "not in memory";
    }
    return "unknown storage error";
  }
};

}  // namespace

const std::error_category& storage_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace sluice::storage
