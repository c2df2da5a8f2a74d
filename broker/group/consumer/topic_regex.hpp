#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/metadata_image.hpp"

namespace re2 {
class RE2;
}

namespace sluice::broker::group {

/// A regular expression that stands for topics in a subscription (KIP-848), in RE2's syntax: matched in time linear in
/// the length of a name, whatever a client sends.
class TopicRegex {
 public:
  /// nullopt: not valid, or too big once compiled.
  static std::optional<TopicRegex> compile(std::string_view pattern);

  /// Whether all of `topic` matches.
  bool matches(std::string_view topic) const;
  /// The topics that match, ascending. Never the broker's own ones: who wants those asks for them by name.
  std::vector<std::string> resolve(const controller::MetadataImage& image) const;

 private:
  explicit TopicRegex(std::shared_ptr<const re2::RE2> regex) : regex_(std::move(regex)) {}

  std::shared_ptr<const re2::RE2> regex_;  // never null
};

}  // namespace sluice::broker::group
