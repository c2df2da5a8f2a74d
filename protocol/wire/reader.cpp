#include "protocol/wire/reader.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "protocol/base/varint.hpp"

namespace sluice::wire {

double Reader::float64() noexcept { return std::bit_cast<double>(fixed<std::int64_t>()); }

Uuid Reader::uuid() noexcept {
  std::array<std::uint8_t, 16> value{};
  const auto bytes = raw(value.size());
  if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), value.size());
  return Uuid{value};
}

std::uint32_t Reader::varint() noexcept {
  ByteView rest{at_, remaining()};
  const auto value = take_varint(rest);
  if (!value) {
    fail();
    return 0;
  }
  at_ = end_ - rest.size();
  return *value;
}

MutableBytes Reader::raw(std::size_t size) noexcept {
  if (remaining() < size) {
    fail();
    return {};
  }
  const MutableBytes bytes{at_, size};
  at_ += size;
  return bytes;
}

std::string Reader::string(bool flexible) { return std::string{as_text(raw(not_null(string_length(flexible))))}; }

std::vector<std::byte> Reader::bytes(bool flexible) {
  const auto view = raw(not_null(length(flexible)));
  return {view.begin(), view.end()};
}

Records Reader::records(bool flexible) noexcept { return Records::view(raw(not_null(length(flexible)))); }

std::optional<std::string> Reader::nullable_string(bool flexible) {
  const auto size = string_length(flexible);
  if (!size) return std::nullopt;
  return std::string{as_text(raw(*size))};
}

std::optional<std::vector<std::byte>> Reader::nullable_bytes(bool flexible) {
  const auto size = length(flexible);
  if (!size) return std::nullopt;
  const auto view = raw(*size);
  return std::vector<std::byte>{view.begin(), view.end()};
}

Records Reader::nullable_records(bool flexible) noexcept {
  const auto size = length(flexible);
  return size ? Records::view(raw(*size)) : Records::null();
}

std::size_t Reader::array_length(bool flexible, std::size_t element_size_min) noexcept {
  return not_null(nullable_array_length(flexible, element_size_min));
}

std::optional<std::size_t> Reader::nullable_array_length(bool flexible, std::size_t element_size_min) noexcept {
  const auto count = length(flexible);
  if (!count || *count <= remaining() / element_size_min) return count;
  fail();
  return 0;
}

bool Reader::present() noexcept {
  // Kafka writes 1 and -1, and reads any negative number as null.
  return int8() >= 0 && ok_;
}

std::byte* Reader::enter(std::size_t size) noexcept {
  std::byte* const outer_end = end_;
  if (remaining() < size) {
    fail();
  } else {
    end_ = at_ + size;
  }
  return outer_end;
}

void Reader::leave(std::byte* outer_end) noexcept {
  const bool whole = at_ == end_;
  end_ = outer_end;
  if (!whole || !ok_) fail();
}

std::optional<std::size_t> Reader::length(bool flexible) noexcept {
  if (flexible) {
    const auto code = varint();
    if (!ok_) return 0;
    if (code == 0) return std::nullopt;
    return code - 1;
  }
  const auto size = int32();
  if (size == -1) return std::nullopt;
  if (size >= 0) return static_cast<std::size_t>(size);
  fail();
  return 0;
}

std::optional<std::size_t> Reader::string_length(bool flexible) noexcept {
  if (flexible) {
    const auto size = length(true);
    if (!size || *size <= std::numeric_limits<std::int16_t>::max()) return size;  // KIP-482 kept the older limit
    fail();
    return 0;
  }
  const auto size = int16();
  if (size == -1) return std::nullopt;
  if (size >= 0) return static_cast<std::size_t>(size);
  fail();
  return 0;
}

std::size_t Reader::not_null(std::optional<std::size_t> length) noexcept {
  if (length) return *length;
  fail();
  return 0;
}

}  // namespace sluice::wire
