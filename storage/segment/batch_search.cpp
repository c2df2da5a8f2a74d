#include "storage/segment/batch_search.hpp"

#include <algorithm>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "storage/segment/batch_reader.hpp"

namespace sluice::storage {
namespace {

constexpr std::uint32_t kWindowBytes = 256U << 10;

}  // namespace

Result<bool> holds_batch(const SegmentFile& file, std::uint32_t position, std::uint32_t end, Offset from) {
  std::vector<std::byte> window;
  std::vector<std::byte> whole;
  while (position < end && end - position >= record::kBatchHeaderBytes) {
    window.resize(std::min(end - position, kWindowBytes));
    if (const auto read = file.read(position, window); !read) return {boost::system::in_place_error, read.error()};
    std::uint32_t at = 0;
    for (; at + record::kBatchHeaderBytes <= window.size(); ++at) {
      const auto header = record::BatchView::parse_header(ByteView{window}.subspan(at));
      if (!header || header->base_offset() < from || header->last_offset_delta() < 0) continue;
      if (header->size() > end - position - at) continue;
      const auto batch = read_batch(file, position + at, header->size(), whole);
      if (batch && batch->crc_matches()) return true;
    }
    position += at;
  }
  return false;
}

}  // namespace sluice::storage
