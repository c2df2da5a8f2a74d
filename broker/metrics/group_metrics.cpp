#include "broker/metrics/group_metrics.hpp"

#include "broker/metrics/family.hpp"

namespace sluice::broker::metrics {
namespace {

double number(std::uint64_t count) { return static_cast<double>(count); }

}  // namespace

void GroupMetrics::count_with(std::function<group::GroupCensus()> source) {
  const std::lock_guard lock{mutex_};
  census_ = std::move(source);
}

void GroupMetrics::collect_census(std::vector<prometheus::MetricFamily>& families) const {
  const std::lock_guard lock{mutex_};
  if (!census_) return;
  const auto census = census_();
  auto groups = Family::gauge("sluice_groups", "Groups that this broker coordinates, by type and state.");
  for (const auto& [kind, count] : census.groups) {
    groups.add(number(count), {{"type", std::string{kind.first}}, {"state", std::string{kind.second}}});
  }
  groups.move_to(families);
  auto members = Family::gauge("sluice_group_members", "Members of those groups, by type of the group.");
  for (const auto& [type, count] : census.members) members.add(number(count), {{"type", std::string{type}}});
  members.move_to(families);
  Family::gauge("sluice_group_offsets", "Committed offsets that those groups keep.")
      .add(number(census.offsets))
      .move_to(families);
}

void GroupMetrics::collect(std::vector<prometheus::MetricFamily>& families) const {
  collect_census(families);
  Family::counter("sluice_group_offset_commits_total", "Offsets committed, each partition of a commit by itself.")
      .add(number(offset_commits_total.value()))
      .move_to(families);
  Family::histogram("sluice_group_offset_commit_latency_seconds",
                    "Time from a commit's arrival at its coordinator until it was safe and answered.")
      .add(offset_commit_latency.snapshot())
      .move_to(families);
  Family::counter("sluice_group_rebalances_total",
                  "Rebalances by type of the group: generations of classic groups, group epochs of the others.")
      .add(number(classic_rebalances_total.value()), {{"type", "classic"}})
      .add(number(consumer_rebalances_total.value()), {{"type", "consumer"}})
      .move_to(families);
  Family::histogram("sluice_group_load_latency_seconds",
                    "Time it took to load the groups of one partition of __consumer_offsets.")
      .add(load_latency.snapshot())
      .move_to(families);
  Family::counter("sluice_group_loaded_records_total", "Records read to load groups.")
      .add(number(loaded_records_total.value()))
      .move_to(families);
  Family::counter("sluice_group_expired_offsets_total", "Committed offsets that expired.")
      .add(number(expired_offsets_total.value()))
      .move_to(families);
}

}  // namespace sluice::broker::metrics
