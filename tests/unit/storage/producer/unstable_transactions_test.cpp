#include "storage/producer/unstable_transactions.hpp"

#include <catch2/catch.hpp>

namespace sluice::storage {
namespace {

TEST_CASE("the last stable offset is the high watermark where nothing is undecided", "[producer]") {
  UnstableTransactions unstable;
  CHECK(unstable.last_stable_offset(Offset{7}) == Offset{7});
  unstable.set_first_open(Offset{9});
  CHECK(unstable.last_stable_offset(Offset{7}) == Offset{7});
  CHECK(unstable.last_stable_offset(Offset{12}) == Offset{9});
}

TEST_CASE("a transaction holds the last stable offset until its marker is below the high watermark", "[producer]") {
  UnstableTransactions unstable;
  unstable.set_first_open(Offset{3});
  unstable.end({.first_offset = Offset{3}, .marker = Offset{8}});
  unstable.set_first_open(std::nullopt);
  CHECK(unstable.last_stable_offset(Offset{8}) == Offset{3});
  CHECK(unstable.last_stable_offset(Offset{9}) == Offset{9});
  CHECK(unstable.last_stable_offset(Offset{8}) == Offset{8});  // whoever asks late

  SECTION("and so does one that began before another's end") {
    unstable.set_first_open(Offset{9});
    unstable.end({.first_offset = Offset{10}, .marker = Offset{11}});
    unstable.end({.first_offset = Offset{9}, .marker = Offset{12}});
    unstable.set_first_open(std::nullopt);
    CHECK(unstable.last_stable_offset(Offset{12}) == Offset{9});
    CHECK(unstable.last_stable_offset(Offset{13}) == Offset{13});
  }
}

TEST_CASE("a truncated marker leaves its transaction open again", "[producer]") {
  UnstableTransactions unstable;
  unstable.set_first_open(Offset{3});
  unstable.end({.first_offset = Offset{3}, .marker = Offset{5}});
  unstable.set_first_open(Offset{6});
  unstable.end({.first_offset = Offset{6}, .marker = Offset{8}});
  unstable.set_first_open(std::nullopt);
  unstable.truncate_to(Offset{8}, Offset{6});
  CHECK(unstable.last_stable_offset(Offset{5}) == Offset{3});
  CHECK(unstable.last_stable_offset(Offset{8}) == Offset{6});
}

}  // namespace
}  // namespace sluice::storage
