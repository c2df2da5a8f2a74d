#include "protocol/wire/writer.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "protocol/base/assert.hpp"
#include "protocol/base/varint.hpp"

namespace sluice::wire {

namespace {

constexpr std::size_t kSmallestBuffer = 256;

}  // namespace

void Writer::float64(double value) { fixed(std::bit_cast<std::int64_t>(value)); }

void Writer::uuid(const Uuid& value) { raw(std::as_bytes(std::span{value.bytes()})); }

void Writer::varint(std::uint32_t value) { write_varint(extend(varint_size(value)), value); }

void Writer::raw(ByteView bytes) {
  if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
}

void Writer::string(std::string_view text, bool flexible) {
  // Both forms are limited to an int16 length; Kafka enforces it for compact strings too.
  SLUICE_ASSERT(text.size() <= std::numeric_limits<std::int16_t>::max(), text.size());
  if (flexible) {
    varint(static_cast<std::uint32_t>(text.size() + 1));
  } else {
    int16(static_cast<std::int16_t>(text.size()));
  }
  raw(as_byte_view(text));
}

void Writer::nullable_string(const std::optional<std::string>& text, bool flexible) {
  if (text) {
    string(std::string_view{*text}, flexible);
  } else if (flexible) {
    varint(0);
  } else {
    int16(-1);
  }
}

void Writer::bytes(ByteView bytes, bool flexible) {
  length(bytes.size(), flexible);
  raw(bytes);
}

void Writer::nullable_bytes(const std::optional<std::vector<std::byte>>& bytes, bool flexible) {
  if (bytes) {
    this->bytes(ByteView{*bytes}, flexible);
  } else {
    null_array(flexible);
  }
}

void Writer::records(const Records& records, bool flexible) {
  if (records.is_null()) return null_array(flexible);
  length(records.size(), flexible);
  if (records.is_spliced()) {
    if (records.size() > 0) splices_.push_back({used_, static_cast<std::uint32_t>(records.size())});
  } else {
    raw(records.bytes());
  }
}

void Writer::array_length(std::size_t count, bool flexible) { length(count, flexible); }

void Writer::null_array(bool flexible) {
  if (flexible) {
    varint(0);
  } else {
    int32(-1);
  }
}

void Writer::length(std::size_t size, bool flexible) {
  SLUICE_ASSERT(size <= std::numeric_limits<std::int32_t>::max(), size);
  if (flexible) {
    varint(static_cast<std::uint32_t>(size + 1));
  } else {
    int32(static_cast<std::int32_t>(size));
  }
}

std::size_t Writer::spliced_size() const noexcept {
  std::size_t size = 0;
  for (const auto& splice : splices_) size += splice.size;
  return size;
}

void Writer::reserve(std::size_t more) {
  if (buffer_.size() - used_ >= more) return;
  buffer_.resize(std::max({used_ + more, 2 * buffer_.size(), kSmallestBuffer}));
}

void Writer::clear() noexcept {
  used_ = 0;
  splices_.clear();
}

std::vector<std::byte> Writer::take() {
  buffer_.resize(used_);
  clear();
  return std::exchange(buffer_, {});
}

}  // namespace sluice::wire
