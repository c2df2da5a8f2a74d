#include "protocol/record/errc.hpp"

#include <string>

namespace sluice::record {
namespace {

class RecordCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "record"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::malformed_record: return "malformed record";
      case Errc::trailing_bytes: return "bytes after the last record";
      case Errc::records_missing: return "fewer records than the header counts";
      case Errc::corrupt_compressed: return "records can't be decompressed";
      case Errc::decompressed_too_large: return "records are too large when decompressed";
      case Errc::unknown_codec: return "unknown compression codec";
    }
    return "unknown record error";
  }
};

}  // namespace

const std::error_category& record_category() noexcept {
  static const RecordCategory category;
  return category;
}

}  // namespace sluice::record
