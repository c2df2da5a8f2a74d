#include "protocol/wire/printer.hpp"

#include <cmath>
#include <cstdio>

namespace sluice::wire {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

void Printer::unknown_tags(const UnknownTaggedFields& fields) {
  if (fields.empty()) return;
  next();
  field_name("unknown_tags");
  begin('[');
  for (const auto& unknown : fields) {
    next();
    begin_struct();
    field("tag", unknown.tag);
    field("payload", unknown.payload);
    end_struct();
  }
  end(']');
}

void Printer::print(double value) {
  if (!std::isfinite(value)) {
    text_ += "null";  // JSON has no other word for it
    return;
  }
  char digits[32];
  const int length = std::snprintf(digits, sizeof digits, "%.17g", value);
  text_.append(digits, static_cast<std::size_t>(length));
}

void Printer::print(const Uuid& value) {
  if (style_ == Style::json) return quoted(value.to_string());
  text_ += value.to_string();
}

void Printer::print(protocol::ErrorCode value) {
  if (style_ == Style::json) return integer(static_cast<std::int16_t>(value));
  text_ += name(value);
  text_ += '(';
  integer(static_cast<std::int16_t>(value));
  text_ += ')';
}

void Printer::print(const std::string& value) { quoted(value); }

void Printer::print(const std::vector<std::byte>& value) { hex(value); }

void Printer::print(const Records& value) {
  if (value.is_null()) {
    text_ += "null";
  } else if (style_ == Style::text || value.is_spliced()) {
    quoted("<" + std::to_string(value.size()) + " bytes>");
  } else {
    hex(value.bytes());
  }
}

void Printer::begin(char bracket) {
  text_ += bracket;
  first_ = true;
}

void Printer::end(char bracket) {
  text_ += bracket;
  first_ = false;
}

void Printer::next() {
  if (!first_) text_ += style_ == Style::json ? "," : ", ";
  first_ = false;
}

void Printer::field_name(std::string_view name) {
  if (style_ == Style::json) {
    quoted(name);
    text_ += ':';
  } else {
    text_ += name;
    text_ += '=';
  }
}

void Printer::quoted(std::string_view value) {
  text_ += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      text_ += c;
    } else {
      text_ += "\\u00";
      text_ += kDigits[byte >> 4];
      text_ += kDigits[byte & 0xf];
    }
  }
  text_ += '"';
}

void Printer::hex(ByteView bytes) {
  text_ += '"';
  for (const auto byte : bytes) {
    text_ += kDigits[static_cast<unsigned>(byte) >> 4];
    text_ += kDigits[static_cast<unsigned>(byte) & 0xf];
  }
  text_ += '"';
}

}  // namespace sluice::wire
