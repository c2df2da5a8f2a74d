#include "storage/integrity/batch_scan.hpp"

#include <algorithm>
#include <array>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

// Of searching among bytes that hold many headers by accident or on purpose: CRCs over this many times what is left.
constexpr std::uint64_t kSearchCrcFactor = 8;

}  // namespace

BatchScan::BatchScan(const File& file, const ScanBounds& bounds)
    : buffer_(file, bounds.end),
      bounds_(bounds),
      position_(bounds.position),
      expected_(bounds.expected),
      epoch_(bounds.leader_epoch) {}

Result<std::optional<record::BatchView>> BatchScan::next() {
  if (position_ >= bounds_.end) return std::optional<record::BatchView>{};
  const auto verdict = judge(position_);
  if (!verdict) return verdict.error();
  verdict_ = *verdict;
  if (verdict_ != Verdict::sound) return Errc::corrupt_batch;
  const auto header = header_at(position_);
  if (!header) return header.error();
  const auto size = (*header)->size();
  const auto bytes = buffer_.view(position_, size);
  if (!bytes) return bytes.error();
  const auto batch = record::BatchView::parse(*bytes);
  position_ += static_cast<std::uint32_t>(size);
  expected_ = batch->next_offset();
  epoch_ = std::max(epoch_, batch->partition_leader_epoch());
  return batch;
}

std::string_view BatchScan::flaw() const noexcept {
  switch (verdict_) {
    case Verdict::sound: return "nothing";
    case Verdict::no_header: return "no batch begins here, or it reaches past the end of the file";
    case Verdict::wrong_offset: return "offset does not follow the one before, or reaches into the next segment";
    case Verdict::wrong_epoch: return "leader epoch goes down, or is not the one noted for the offset";
    case Verdict::wrong_crc: return "CRC does not match";
    case Verdict::out_of_line: return "offset or leader epoch does not lead to those that follow";
  }
  return "unknown";
}

// Only the header of what is returned may be used; nullopt when none fits or its numbers can't be.
Result<std::optional<record::BatchView>> BatchScan::header_at(std::uint32_t position) {
  if (bounds_.end - position < record::kBatchHeaderBytes) return std::optional<record::BatchView>{};
  const auto bytes = buffer_.view(position, record::kBatchHeaderBytes);
  if (!bytes) return bytes.error();
  const auto header = record::BatchView::parse_header(*bytes);
  if (!header || !header->has_sound_offsets() || header->size() > bounds_.end - position)
    return std::optional<record::BatchView>{};
  return header;
}

Result<BatchScan::Verdict> BatchScan::judge(std::uint32_t position) {
  const auto header = header_at(position);
  if (!header) return header.error();
  if (!*header) return Verdict::no_header;
  if ((*header)->base_offset() < expected_ || (*header)->last_offset() >= bounds_.limit) return Verdict::wrong_offset;
  if (!has_known_epoch(**header)) return Verdict::wrong_epoch;
  return judge_whole(position, (*header)->size());
}

Result<BatchScan::Verdict> BatchScan::judge_whole(std::uint32_t position, std::size_t size) {
  const auto bytes = buffer_.view(position, size);
  if (!bytes) return bytes.error();
  const auto batch = record::BatchView::parse(*bytes);
  if (!batch || !batch->crc_matches()) return Verdict::wrong_crc;
  const bool steps = batch->base_offset() != expected_ || batch->partition_leader_epoch() != epoch_;
  if (!steps) return Verdict::sound;
  // Copied: looking at the next header may move the window.
  std::array<std::byte, record::kBatchHeaderBytes> copy;
  std::copy_n(bytes->begin(), copy.size(), copy.begin());
  const auto out_of_line = is_out_of_line(*record::BatchView::parse_header(copy), position);
  if (!out_of_line) return out_of_line.error();
  return *out_of_line ? Verdict::out_of_line : Verdict::sound;
}

// After a gap in offsets or a new epoch, the batch that follows tells whether this one or the others are wrong.
Result<bool> BatchScan::is_out_of_line(const record::BatchView& header, std::uint32_t position) {
  const auto no = [](std::error_code error) -> Result<bool> { return {boost::system::in_place_error, error}; };
  const auto next_position = position + static_cast<std::uint32_t>(header.size());
  const auto next = header_at(next_position);
  if (!next) return no(next.error());
  if (!*next) return false;
  const auto& follower = **next;
  const bool follows_without = follower.base_offset() > expected_ && follower.last_offset() < bounds_.limit;
  const bool offset_jumps = header.base_offset() > expected_ && follower.base_offset() < header.next_offset();
  const bool epoch_jumps = header.partition_leader_epoch() > epoch_ &&
                           follower.partition_leader_epoch() < header.partition_leader_epoch() &&
                           follower.partition_leader_epoch() >= epoch_ && epoch_ != kNoLeaderEpoch;
  return (offset_jumps && follows_without) || epoch_jumps;
}

bool BatchScan::has_known_epoch(const record::BatchView& header) const {
  const auto leader_epoch = header.partition_leader_epoch();
  if (leader_epoch < epoch_) return false;
  if (!bounds_.epochs) return true;
  const auto known = bounds_.epochs->epoch_at(header.base_offset());
  if (known == kNoLeaderEpoch || leader_epoch == known) return true;
  // A checkpoint may lag behind the log's end, as one that another broker wrote.
  return known == bounds_.epochs->latest() && leader_epoch > known;
}

Result<DamagedRange> BatchScan::skip_damage() {
  DamagedRange range{.position = position_, .end_position = bounds_.end, .first_offset = expected_};
  const auto found = find_sound();
  if (!found) return found.error();
  range.next_offset = std::max(expected_, bounds_.limit);
  if (*found) {
    range.end_position = **found;
    const auto header = header_at(**found);
    if (!header) return header.error();
    range.next_offset = (*header)->base_offset();
  }
  position_ = range.end_position;
  expected_ = range.next_offset;
  return range;
}

// Where the damaged batch's own length leads is tried first: most often only its content is wrong. Searching inside of
// it could find what some record holds.
Result<std::optional<std::uint32_t>> BatchScan::find_sound() {
  std::uint64_t budget = kSearchCrcFactor * (bounds_.end - position_);
  const auto header = header_at(position_);
  if (!header) return header.error();
  if (*header) {
    const auto behind = position_ + static_cast<std::uint32_t>((*header)->size());
    if (behind == bounds_.end) return std::optional<std::uint32_t>{};
    const auto candidate = is_candidate(behind, false, budget);
    if (!candidate) return candidate.error();
    if (*candidate) return std::optional{behind};
  }
  for (auto at = position_ + 1; at < bounds_.end && bounds_.end - at >= record::kBatchHeaderBytes; ++at) {
    const auto candidate = is_candidate(at, true, budget);
    if (!candidate) return candidate.error();
    if (*candidate) return std::optional{at};
    if (budget == 0) break;
  }
  return std::optional<std::uint32_t>{};
}

Result<bool> BatchScan::is_candidate(std::uint32_t position, bool by_search, std::uint64_t& crc_budget) {
  const auto no = [](std::error_code error) -> Result<bool> { return {boost::system::in_place_error, error}; };
  const auto header = header_at(position);
  if (!header) return no(header.error());
  if (!*header || (*header)->base_offset() < expected_ || (*header)->last_offset() >= bounds_.limit ||
      !has_known_epoch(**header))
    return false;
  const auto next_offset = (*header)->next_offset();
  const auto size = (*header)->size();
  crc_budget -= std::min<std::uint64_t>(crc_budget, size);
  const auto verdict = judge_whole(position, size);
  if (!verdict) return no(verdict.error());
  if (*verdict != Verdict::sound) return false;
  const auto behind = position + static_cast<std::uint32_t>(size);
  if (behind == bounds_.end || !by_search) return true;
  const auto follower = header_at(behind);
  if (!follower) return no(follower.error());
  return *follower && (*follower)->base_offset() >= next_offset;
}

}  // namespace sluice::storage
