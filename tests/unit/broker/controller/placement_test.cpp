#include "broker/controller/placement.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using broker::controller::Placement;
using test::broker_image;

TEST_CASE("leaders and replicas spread evenly over the brokers", "[controller]") {
  const Placement placement{{broker_image(1), broker_image(2), broker_image(3), broker_image(4), broker_image(5)}};
  std::map<BrokerId, int> leads;
  std::map<BrokerId, int> holds;
  for (std::uint32_t partition = 0; partition < 100; ++partition) {
    const auto replicas = placement.replicas(7, partition, 3);
    CHECK(std::set<BrokerId>(replicas.begin(), replicas.end()).size() == 3);
    ++leads[replicas.front()];
    for (const auto id : replicas) ++holds[id];
  }
  for (const auto& [id, count] : leads) CHECK(count == 20);
  for (const auto& [id, count] : holds) CHECK(count == 60);
}

TEST_CASE("a rack gets a second replica only when every rack has one", "[controller]") {
  const Placement placement{
      {broker_image(1, "a"), broker_image(2, "a"), broker_image(3, "a"), broker_image(4, "b"), broker_image(5, "c")}};
  for (std::uint32_t partition = 0; partition < 20; ++partition) {
    std::set<std::string> racks;
    for (const auto id : placement.replicas(0, partition, 3)) {
      racks.insert(id <= BrokerId{3} ? "a" : id == BrokerId{4} ? "b" : "c");
    }
    CHECK(racks.size() == 3);
  }
}

TEST_CASE("fenced brokers get no replicas", "[controller]") {
  auto fenced = broker_image(2);
  fenced.fenced = true;
  const Placement placement{{broker_image(1), fenced}};
  CHECK(placement.broker_count() == 1);
  CHECK(placement.replicas(5, 3, 1) == std::vector<BrokerId>{BrokerId{1}});
}

TEST_CASE("a broker of twice the capacity leads and holds twice as much", "[controller]") {
  auto large = broker_image(3);
  large.capacity = 200;
  auto small = broker_image(1);
  auto other = broker_image(2);
  auto third = broker_image(4);
  small.capacity = other.capacity = third.capacity = 100;
  const Placement placement{{small, other, large, third}};
  CHECK(placement.broker_count() == 4);
  std::map<BrokerId, int> leads;
  for (std::uint32_t partition = 0; partition < 100; ++partition) {
    const auto replicas = placement.replicas(3, partition, 2);
    CHECK(replicas[0] != replicas[1]);
    ++leads[replicas.front()];
  }
  CHECK(leads[BrokerId{3}] == 40);
  CHECK(leads[BrokerId{1}] == 20);
}

TEST_CASE("capacities that can't be compared in small numbers are told apart roughly", "[controller]") {
  auto huge = broker_image(1);
  huge.capacity = 2'000'000'000;
  const Placement placement{{huge, broker_image(2)}};
  std::map<BrokerId, int> leads;
  for (std::uint32_t partition = 0; partition < 170; ++partition) ++leads[placement.replicas(0, partition, 2).front()];
  CHECK(leads[BrokerId{1}] == 160);
  CHECK(leads[BrokerId{2}] == 10);
}

}  // namespace
}  // namespace sluice
