#include "broker/group/consumer/topic_regex.hpp"

#include <re2/re2.h>

namespace sluice::broker::group {
namespace {

constexpr std::size_t kPatternBytesMax = 10'000;
/// Instructions: what one character of a name may cost at worst. Enough for the names of some sixty topics.
constexpr int kProgramSizeMax = 2000;
constexpr std::int64_t kMemoryMax = 1 << 20;  // for the program and the states that matching keeps

}  // namespace

std::optional<TopicRegex> TopicRegex::compile(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) return std::nullopt;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMemoryMax);
  auto regex = std::make_shared<const re2::RE2>(re2::StringPiece{pattern.data(), pattern.size()}, options);
  if (!regex->ok() || regex->ProgramSize() > kProgramSizeMax) return std::nullopt;
  return TopicRegex{std::move(regex)};
}

bool TopicRegex::matches(std::string_view topic) const {
  return re2::RE2::FullMatch(re2::StringPiece{topic.data(), topic.size()}, *regex_);
}

std::vector<std::string> TopicRegex::resolve(const controller::MetadataImage& image) const {
  std::vector<std::string> topics;
  for (const auto& name : image.topic_names()) {
    if (!controller::is_internal_topic(name) && matches(name)) topics.push_back(name);
  }
  return topics;
}

}  // namespace sluice::broker::group
