#include "broker/group/consumer/resolved_regexes.hpp"

#include <functional>
#include <utility>

#include "broker/group/consumer/topic_regex.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

/// As Kafka's; topics may come by the hundred.
constexpr std::chrono::seconds kRefreshIntervalMin{10};

std::size_t hash_of(const std::vector<std::string>& names) {
  std::size_t hash = names.size();
  for (const auto& name : names) hash = hash * 31 + std::hash<std::string>{}(name);
  return hash;
}

}  // namespace

void ResolvedRegexes::remove_member(const std::string& regex) {
  const auto found = regexes_.find(regex);
  SLUICE_ASSERT(found != regexes_.end() && found->second.members > 0);
  if (--found->second.members == 0 && !found->second.topics) regexes_.erase(found);
}

void ResolvedRegexes::erase(const std::string& regex) {
  const auto found = regexes_.find(regex);
  if (found == regexes_.end()) return;
  found->second.topics.reset();
  if (found->second.members == 0) regexes_.erase(found);
}

const std::vector<std::string>* ResolvedRegexes::topics_of(const std::string& regex) const {
  const auto found = regexes_.find(regex);
  return found == regexes_.end() || !found->second.topics ? nullptr : &*found->second.topics;
}

std::vector<std::string> ResolvedRegexes::stored() const {
  std::vector<std::string> result;
  for (const auto& [pattern, regex] : regexes_) {
    if (regex.topics) result.push_back(pattern);
  }
  return result;
}

std::vector<std::string> ResolvedRegexes::unused() const {
  std::vector<std::string> result;
  for (const auto& [pattern, regex] : regexes_) {
    if (regex.topics && regex.members == 0) result.push_back(pattern);
  }
  return result;
}

std::vector<ResolvedRegexes::Lookup> ResolvedRegexes::refresh(const controller::MetadataImage& image,
                                                              std::chrono::milliseconds refresh_interval, Now now) {
  std::vector<Lookup> changed;
  if (regexes_.empty()) return changed;
  const bool all = is_due(image, refresh_interval, now);
  for (const auto& [pattern, regex] : regexes_) {
    if (regex.members == 0 || (regex.topics && !all)) continue;
    const auto compiled = TopicRegex::compile(pattern);
    // Checked when a member brought it; what another version of the library wrote may read as nothing.
    auto topics = compiled ? compiled->resolve(image) : std::vector<std::string>{};
    if (regex.topics != topics) changed.push_back({pattern, std::move(topics)});
  }
  return changed;
}

bool ResolvedRegexes::is_due(const controller::MetadataImage& image, std::chrono::milliseconds refresh_interval,
                             Now now) {
  if (refreshed_at_ && now.steady < *refreshed_at_ + kRefreshIntervalMin) return false;
  const bool is_late = !refreshed_at_ || now.steady >= *refreshed_at_ + refresh_interval;
  if (!is_late && image.version() == version_) return false;
  const auto hash = hash_of(image.topic_names());
  const bool due = is_late || hash != topics_hash_;
  if (due) refreshed_at_ = now.steady;
  version_ = image.version();
  topics_hash_ = hash;
  return due;
}

}  // namespace sluice::broker::group
