#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/group/effects.hpp"

namespace sluice::broker::group {

/// The regular expressions that members of a group subscribe with, and the topics that each stands for.
class ResolvedRegexes {
 public:
  struct Lookup {
    std::string regex;
    std::vector<std::string> topics;  ///< ascending, unique
  };

  // Of members, counted.
  void add_member(const std::string& regex) { ++regexes_[regex].members; }
  void remove_member(const std::string& regex);

  // Durable.
  void set(const std::string& regex, std::vector<std::string> topics) { regexes_[regex].topics = std::move(topics); }
  void erase(const std::string& regex);
  /// Null: not known, or not looked up yet.
  const std::vector<std::string>* topics_of(const std::string& regex) const;
  std::size_t count() const noexcept { return regexes_.size(); }
  bool contains(const std::string& regex) const { return regexes_.contains(regex); }
  /// All that have been looked up.
  std::vector<std::string> stored() const;
  /// Those of them that no member subscribes with any more.
  std::vector<std::string> unused() const;

  /// Looks up what is due, and returns those that stand for other topics now: a new one at once; all of them when
  /// topics have come or gone since, though not more often than every ten seconds, and at the latest after
  /// `refresh_interval`.
  std::vector<Lookup> refresh(const controller::MetadataImage& image, std::chrono::milliseconds refresh_interval,
                              Now now);

 private:
  struct Regex {
    std::size_t members = 0;
    std::optional<std::vector<std::string>> topics{};  ///< nullopt: not looked up yet
  };
  bool is_due(const controller::MetadataImage& image, std::chrono::milliseconds refresh_interval, Now now);

  std::map<std::string, Regex> regexes_;

  // Soft: of the last time that all were looked up.
  std::optional<Instant> refreshed_at_;
  Offset version_ = kNoOffset;
  std::size_t topics_hash_ = 0;
};

}  // namespace sluice::broker::group
