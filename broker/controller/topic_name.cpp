#include "broker/controller/topic_name.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace sluice::broker::controller {
namespace {

bool is_legal(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::optional<std::string> refuse_topic_name(std::string_view name) {
  if (name.empty()) return "A topic name must not be empty.";
  if (name == "." || name == "..") return fmt::format("'{}' can't be a topic name.", name);
  if (name.size() > kTopicNameLengthMax) {
    return fmt::format("The topic name has {} characters; at most {} are allowed.", name.size(), kTopicNameLengthMax);
  }
  if (!std::all_of(name.begin(), name.end(), is_legal)) {
    return fmt::format("The topic name '{}' may only have ASCII letters and digits, '.', '_' and '-'.", name);
  }
  return std::nullopt;
}

}  // namespace sluice::broker::controller
