#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/message.hpp"

namespace sluice::wire {

/// Makes message instances for tests and fuzzers: one seed, one sequence. Sizes sit around those where an encoding
/// changes (empty, one byte of length, two). Owns the bytes of the records it hands out.
class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept;
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

  /// Sets the field, or now and then leaves it as it is.
  template <class T>
  void fill(T& value, std::int16_t version) {
    if (!one_in(8)) make(value, version);
  }
  /// The same for a field that may be null.
  template <class T>
  void fill_nullable(T& value, std::int16_t version) {
    if (one_in(4)) {
      value = T{};  // null
    } else if (!one_in(8)) {
      make(value, version);
    }
  }
  /// Fields with tags that no schema uses.
  void fill(UnknownTaggedFields& fields);

 private:
  template <std::integral T>
  void make(T& value, std::int16_t) {
    value = static_cast<T>(integer());
  }
  void make(bool& value, std::int16_t) { value = one_in(2); }
  void make(double& value, std::int16_t) { value = static_cast<double>(integer()) / 16; }
  void make(protocol::ErrorCode& value, std::int16_t) { value = static_cast<protocol::ErrorCode>(integer()); }
  void make(Uuid& value, std::int16_t);
  void make(std::string& value, std::int16_t);
  void make(std::vector<std::byte>& value, std::int16_t) { value = bytes(); }
  void make(Records& value, std::int16_t);
  template <class Tag, class Rep>
  void make(Id<Tag, Rep>& value, std::int16_t) {
    value = Id<Tag, Rep>{static_cast<Rep>(integer())};
  }
  template <class Tag, class Rep>
  void make(Position<Tag, Rep>& value, std::int16_t) {
    value = Position<Tag, Rep>{static_cast<Rep>(integer())};
  }
  template <class T>
  void make(std::optional<T>& value, std::int16_t version) {
    make(value.emplace(), version);
  }
  template <class T>
  void make(std::vector<T>& values, std::int16_t version) {
    values.assign(count(), T{});
    for (auto& value : values) make(value, version);
  }
  template <class Struct>
  requires std::is_class_v<Struct>
  void make(Struct& value, std::int16_t version) {
    randomize(value, version, *this);  // generated, found by its argument
  }

  std::int64_t integer() noexcept;  // of any magnitude, limits included
  std::size_t count() noexcept;
  std::vector<std::byte> bytes();

  std::uint64_t state_;
  std::deque<std::vector<std::byte>> records_;  // keeps addresses
};

}  // namespace sluice::wire
