#include "protocol/record/record_stream.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::record {
namespace {

constexpr std::size_t kWindowBytes = 64 * 1024;
constexpr std::size_t kWindowKeptBytes = 1024 * 1024;  // what a large record grew beyond this is given back

}  // namespace

/// Reads the fields of a record that does not fit the window. Sticky like RecordCursor; a failure of the stream itself
/// is kept in `error()`.
class RecordStream::LargeRecord {
 public:
  LargeRecord(RecordStream& stream, std::size_t bytes) noexcept : stream_(stream), left_(bytes) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return left_ == 0; }
  std::error_code error() const noexcept { return error_; }

  std::int32_t take_varint() { return take(kVarintBytesMax, &RecordCursor::take_varint); }
  std::int64_t take_varlong() { return take(kVarlongBytesMax, &RecordCursor::take_varlong); }

  void skip(std::int64_t bytes) {
    if (!ok_ || static_cast<std::size_t>(bytes) > left_) return fail();
    left_ -= static_cast<std::size_t>(bytes);
    const auto failure = stream_.discard(static_cast<std::size_t>(bytes));
    if (failure) fail_with(failure);
  }

  void fail() { fail_with(make_error_code(Errc::malformed_record)); }

 private:
  template <class Value>
  Value take(std::size_t bytes_max, Value (RecordCursor::*read)() noexcept) {
    if (!ok_) return 0;
    const auto failure = stream_.hold(std::min(bytes_max, left_));
    if (failure) {
      fail_with(failure);
      return 0;
    }
    const auto bytes = stream_.window_.first(std::min({bytes_max, left_, stream_.window_.size()}));
    RecordCursor cursor{bytes};
    const Value value = (cursor.*read)();
    if (!cursor.ok()) fail();
    const auto used = bytes.size() - cursor.rest().size();
    left_ -= used;
    stream_.take(used);
    return value;
  }

  void fail_with(std::error_code error) noexcept {
    if (ok_) error_ = error;
    ok_ = false;
  }

  RecordStream& stream_;
  std::size_t left_;
  std::error_code error_;
  bool ok_ = true;
};

Result<void> RecordStream::start(const BatchView& batch, std::size_t decompressed_bytes_max) {
  left_ = batch.record_count();
  drained_ = batch.compression() == Compression::none;
  window_ = drained_ ? batch.records() : ByteView{};
  if (drained_) return {};
  if (buffer_.size() > kWindowKeptBytes) buffer_ = {};
  if (buffer_.empty()) buffer_.resize(kWindowBytes);
  return decompressor_.start(batch.compression(), batch.records(), decompressed_bytes_max);
}

Result<std::optional<RecordView>> RecordStream::next() {
  const auto length = next_length();
  if (!length) return length.error();
  if (!*length) return std::optional<RecordView>{};
  if (const auto failure = hold(**length)) return failure;
  const auto record = window_.size() >= **length ? parse_record(take(**length)) : std::nullopt;
  if (!record) return make_error_code(Errc::malformed_record);
  return record;
}

Result<std::optional<RecordShape>> RecordStream::next_shape() {
  const auto length = next_length();
  if (!length) return length.error();
  if (!*length) return std::optional<RecordShape>{};
  const auto bytes = **length;
  RecordShape shape;
  if (bytes > window_.size() && bytes > kWindowBytes) {
    LargeRecord record{*this, bytes};
    walk_fields(record, shape);
    if (record.ok() && !record.at_end()) record.fail();
    if (!record.ok()) return record.error();
    return std::optional{shape};
  }
  if (const auto failure = hold(bytes)) return failure;
  if (window_.size() < bytes || !check_record(take(bytes), shape)) return make_error_code(Errc::malformed_record);
  return std::optional{shape};
}

/// The length of the next record, taken; nullopt after the last record, where nothing may follow.
Result<std::optional<std::size_t>> RecordStream::next_length() {
  if (const auto failure = hold(left_ > 0 ? kVarintBytesMax : 1)) return failure;
  if (left_ <= 0) {
    if (!window_.empty()) return make_error_code(Errc::trailing_bytes);
    return std::optional<std::size_t>{};
  }
  if (window_.empty()) return make_error_code(Errc::records_missing);
  RecordCursor cursor{window_};
  const auto length = cursor.take_varint();
  if (!cursor.ok() || length < 0) return make_error_code(Errc::malformed_record);
  window_ = cursor.rest();
  --left_;
  return std::optional{static_cast<std::size_t>(length)};
}

std::error_code RecordStream::hold(std::size_t bytes) {
  while (window_.size() < bytes && !drained_) {
    make_room(bytes);
    const auto used = static_cast<std::size_t>(window_.data() - buffer_.data()) + window_.size();
    const auto read = decompressor_.read(MutableBytes{buffer_}.subspan(used));
    if (!read) return read.error();
    drained_ = *read == 0;
    window_ = {window_.data(), window_.size() + *read};
  }
  return {};
}

/// Moves the window to the front of the buffer, and doubles the buffer when it is full: memory follows what the stream
/// has yielded, not what a record claims to be.
void RecordStream::make_room(std::size_t bytes) {
  const auto held = window_.size();
  if (held > 0 && window_.data() != buffer_.data()) std::memmove(buffer_.data(), window_.data(), held);
  if (held == buffer_.size()) buffer_.resize(std::min(std::max(bytes, kWindowBytes), buffer_.size() * 2));
  window_ = ByteView{buffer_}.first(held);
}

std::error_code RecordStream::discard(std::size_t bytes) {
  while (bytes > 0) {
    if (const auto failure = hold(1)) return failure;
    if (window_.empty()) return make_error_code(Errc::malformed_record);
    bytes -= take(std::min(bytes, window_.size())).size();
  }
  return {};
}

ByteView RecordStream::take(std::size_t bytes) noexcept {
  const auto taken = window_.first(bytes);
  window_ = window_.subspan(bytes);
  return taken;
}

}  // namespace sluice::record
