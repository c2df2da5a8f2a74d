#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace sluice {

/// 128 bits. Text form, as in Kafka's files and tools: base64url without padding, 22 characters.
class Uuid {
 public:
  constexpr Uuid() noexcept = default;
  constexpr explicit Uuid(std::array<std::uint8_t, 16> bytes) noexcept : bytes_(bytes) {}

  /// Version 4, from the system's random source; its text never starts with '-', which tools would take for a flag.
  static Uuid random();
  static std::optional<Uuid> parse(std::string_view text);

  constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  constexpr bool is_zero() const noexcept { return *this == Uuid{}; }
  std::string to_string() const;

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, const Uuid& uuid) { return out << uuid.to_string(); }

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace sluice

template <>
struct std::hash<sluice::Uuid> {
  std::size_t operator()(const sluice::Uuid& uuid) const noexcept;
};
