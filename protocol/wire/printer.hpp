#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/message.hpp"

namespace sluice::wire {

/// Builds the text of a message, for logs and tools: `{topic="t", partitions=[{partition=0, records=<512 bytes>}]}`, or
/// JSON with the same names, where bytes are hexadecimal digits and 64-bit numbers stay numbers. Bytes of strings that
/// are no printable ASCII are escaped, so that any message prints.
class Printer {
 public:
  enum class Style : std::uint8_t { text, json };

  explicit Printer(Style style) noexcept : style_(style) {}
  std::string take() { return std::move(text_); }

  void begin_struct() { begin('{'); }
  void end_struct() { end('}'); }

  template <class T>
  void field(std::string_view name, const T& value) {
    next();
    field_name(name);
    print(value);
  }
  /// Only if there are any.
  void unknown_tags(const UnknownTaggedFields& fields);

 private:
  void print(bool value) { text_ += value ? "true" : "false"; }
  void print(std::int8_t value) { integer(value); }
  void print(std::int16_t value) { integer(value); }
  void print(std::int32_t value) { integer(value); }
  void print(std::int64_t value) { integer(value); }
  void print(std::uint16_t value) { integer(value); }
  void print(std::uint32_t value) { integer(value); }
  void print(double value);
  void print(const Uuid& value);
  void print(protocol::ErrorCode value);
  void print(const std::string& value);
  void print(const std::vector<std::byte>& value);
  void print(const Records& value);
  template <class Tag, class Rep>
  void print(Id<Tag, Rep> value) {
    integer(value.value());
  }
  template <class Tag, class Rep>
  void print(Position<Tag, Rep> value) {
    integer(value.value());
  }
  template <class T>
  void print(const std::optional<T>& value) {
    if (value) {
      print(*value);
    } else {
      text_ += "null";
    }
  }
  template <class T>
  void print(const std::vector<T>& values) {
    begin('[');
    for (const auto& value : values) {
      next();
      print(value);
    }
    end(']');
  }
  template <class Struct>
  void print(const Struct& value) {
    describe(value, *this);  // generated, found by its argument
  }

  void integer(std::int64_t value) { text_ += std::to_string(value); }
  void begin(char bracket);
  void end(char bracket);
  void next();
  void field_name(std::string_view name);
  void quoted(std::string_view value);
  void hex(ByteView bytes);

  Style style_;
  std::string text_;
  bool first_ = true;  // nothing yet in the innermost bracket
};

}  // namespace sluice::wire
