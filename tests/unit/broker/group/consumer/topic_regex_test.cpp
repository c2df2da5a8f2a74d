#include "broker/group/consumer/topic_regex.hpp"

#include <catch2/catch.hpp>

namespace sluice::test {
namespace {

using broker::controller::MetadataImage;
using broker::controller::TopicImage;
using broker::group::TopicRegex;
using Names = std::vector<std::string>;

MetadataImage image_of(const Names& names) {
  MetadataImage image;
  for (const auto& name : names) {
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id = Uuid::random();
    image.add_topic(std::move(topic));
  }
  return image;
}

}  // namespace

TEST_CASE("a regular expression stands for the topics that it matches as a whole", "[group]") {
  const auto image = image_of({"orders-2", "orders-1", "orders", "my-orders-1", "__consumer_offsets"});
  CHECK(TopicRegex::compile("orders-.*")->resolve(image) == Names{"orders-1", "orders-2"});
  CHECK(TopicRegex::compile("orders")->resolve(image) == Names{"orders"});
  CHECK(TopicRegex::compile("nothing")->resolve(image).empty());
  SECTION("the broker's own topics apart") {
    CHECK(TopicRegex::compile(".*")->resolve(image) == Names{"my-orders-1", "orders", "orders-1", "orders-2"});
    CHECK(TopicRegex::compile("__.*")->resolve(image).empty());
  }
}

TEST_CASE("regular expressions that are invalid or too big are refused", "[group]") {
  const auto* pattern = GENERATE(as<const char*>{}, "(", "[a", "*", "a**b(", "(?=a)", "\\1", "((((a{100}){100}){100})",
                                 "(a{1000}){1000}", "(a{1000}){3}", "\xff\xfe");
  CAPTURE(pattern);
  CHECK_FALSE(TopicRegex::compile(pattern));
  CHECK_FALSE(TopicRegex::compile(std::string(20'000, 'a')));
}

TEST_CASE("a pattern that takes others exponential time is matched at once", "[group]") {
  const auto regex = TopicRegex::compile("(a*)*(a*)*(a|aa)*b");
  REQUIRE(regex);
  CHECK_FALSE(regex->matches(std::string(249, 'a')));
  CHECK(regex->matches(std::string(248, 'a') + "b"));
}

}  // namespace sluice::test
