#include "broker/metrics/broker_metrics.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "broker/metrics/exposition.hpp"
#include "broker/metrics/process_metrics.hpp"

namespace sluice::broker::metrics {
namespace {

using namespace std::chrono_literals;

constexpr std::array<NumberName, 2> kApis{{{0, "Produce"}, {1, "Fetch"}}};
constexpr std::array<NumberName, 2> kErrors{{{-1, "UNKNOWN_SERVER_ERROR"}, {6, "NOT_LEADER_OR_FOLLOWER"}}};

struct Scraped {
  std::shared_ptr<BrokerMetrics> metrics = std::make_shared<BrokerMetrics>(kApis, kErrors, "1.2.3");
  Exposition exposition;

  Scraped() { exposition.add(metrics); }

  /// The samples of a scrape by name and labels, as they are written.
  std::map<std::string, double> samples() const {
    std::map<std::string, double> result;
    std::istringstream text(exposition.text());
    for (std::string line; std::getline(text, line);) {
      if (line.empty() || line.front() == '#') continue;
      const auto space = line.rfind(' ');
      CHECK(result.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second);
    }
    return result;
  }
};

}  // namespace

TEST_CASE("what is counted for an API appears under its name", "[metrics]") {
  Scraped scraped;
  auto& produce = scraped.metrics->api(0);
  produce.requests.add();
  produce.request_bytes.add(100);
  produce.response_bytes.add(20);
  produce.latency.observe(3ms);

  auto samples = scraped.samples();
  CHECK(samples.at("sluice_requests_total{api=\"Produce\"}") == 1);
  CHECK(samples.at("sluice_requests_total{api=\"Fetch\"}") == 0);
  CHECK(samples.at("sluice_request_bytes_total{api=\"Produce\"}") == 100);
  CHECK(samples.at("sluice_response_bytes_total{api=\"Produce\"}") == 20);
  CHECK(samples.at("sluice_request_latency_seconds_count{api=\"Produce\"}") == 1);
  CHECK(samples.at("sluice_request_latency_seconds_sum{api=\"Produce\"}") == Approx(0.003));
}

TEST_CASE("histogram buckets are cumulative and end at +Inf", "[metrics]") {
  Scraped scraped;
  for (const auto latency : {10us, 60us, 20'000'000us}) scraped.metrics->log_sync_latency.observe(latency);

  auto samples = scraped.samples();
  CHECK(samples.at("sluice_log_sync_latency_seconds_bucket{le=\"5e-05\"}") == 1);
  CHECK(samples.at("sluice_log_sync_latency_seconds_bucket{le=\"0.0001\"}") == 2);
  CHECK(samples.at("sluice_log_sync_latency_seconds_bucket{le=\"10\"}") == 2);
  CHECK(samples.at("sluice_log_sync_latency_seconds_bucket{le=\"+Inf\"}") == 3);
  CHECK(samples.at("sluice_log_sync_latency_seconds_count") == 3);
}

TEST_CASE("API keys that do not exist are counted as unknown, whatever the client sent", "[metrics]") {
  Scraped scraped;
  for (const int key : {-32768, -1, 2, 94, 95, 32767})
    scraped.metrics->api(static_cast<std::int16_t>(key)).requests.add();
  CHECK(scraped.samples().at("sluice_requests_total{api=\"unknown\"}") == 6);
}

TEST_CASE("errors appear once they have been answered, by name where they have one", "[metrics]") {
  Scraped scraped;
  CHECK(scraped.exposition.text().find("sluice_request_errors_total") == std::string::npos);

  scraped.metrics->count_error(1, 0);
  scraped.metrics->count_error(1, 6);
  scraped.metrics->count_error(1, 6);
  scraped.metrics->count_error(0, -1);
  scraped.metrics->count_error(0, 100);

  auto samples = scraped.samples();
  CHECK(samples.at("sluice_request_errors_total{api=\"Fetch\",error=\"NOT_LEADER_OR_FOLLOWER\"}") == 2);
  CHECK(samples.at("sluice_request_errors_total{api=\"Produce\",error=\"UNKNOWN_SERVER_ERROR\"}") == 1);
  CHECK(samples.at("sluice_request_errors_total{api=\"Produce\",error=\"100\"}") == 1);
}

TEST_CASE("counts stay exact beyond a million", "[metrics]") {
  Scraped scraped;
  scraped.metrics->produced_bytes_total.add(123'456'789'012'345);
  CHECK(scraped.samples().at("sluice_produced_bytes_total") == 123'456'789'012'345);
}

TEST_CASE("pulled gauges appear while they have a source", "[metrics]") {
  Scraped scraped;
  CHECK(scraped.samples().count("sluice_partitions") == 0);
  scraped.metrics->partitions.pull_from([] { return 12.0; });
  CHECK(scraped.samples().at("sluice_partitions") == 12);
}

TEST_CASE("the build and the process describe themselves", "[metrics]") {
  Scraped scraped;
  scraped.exposition.add(std::make_shared<ProcessMetrics>());

  auto samples = scraped.samples();
  CHECK(samples.at("sluice_build_info{version=\"1.2.3\"}") == 1);
  CHECK(samples.at("process_resident_memory_bytes") > 1'000'000);
  CHECK(samples.at("process_open_fds") >= 3);
  CHECK(samples.at("process_open_fds") <= samples.at("process_max_fds"));
  CHECK(samples.at("process_cpu_seconds_total") >= 0);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(samples.at("process_start_time_seconds") == Approx(now).margin(3600));
}

TEST_CASE("groups are counted at a scrape, and not once nobody can count them", "[metrics]") {
  Scraped scraped;
  auto& groups = scraped.metrics->groups;
  CHECK(scraped.samples().count("sluice_group_offsets") == 0);
  groups.count_with([] {
    group::GroupCensus census{.groups = {{{"classic", "Stable"}, 2}}, .members = {{"classic", 6}}, .offsets = 10};
    census.add({.groups = {{{"classic", "Stable"}, 1}, {{"consumer", "Empty"}, 4}}, .members = {}, .offsets = 5});
    return census;
  });
  groups.consumer_rebalances_total.add(3);
  groups.offset_commit_latency.observe(2ms);
  const auto samples = scraped.samples();
  CHECK(samples.at("sluice_groups{type=\"classic\",state=\"Stable\"}") == 3);
  CHECK(samples.at("sluice_groups{type=\"consumer\",state=\"Empty\"}") == 4);
  CHECK(samples.at("sluice_group_members{type=\"classic\"}") == 6);
  CHECK(samples.at("sluice_group_offsets") == 15);
  CHECK(samples.at("sluice_group_rebalances_total{type=\"consumer\"}") == 3);
  CHECK(samples.at("sluice_group_rebalances_total{type=\"classic\"}") == 0);
  CHECK(samples.at("sluice_group_offset_commit_latency_seconds_count") == 1);
  groups.count_with({});
  CHECK(scraped.samples().count("sluice_group_offsets") == 0);
}

}  // namespace sluice::broker::metrics
