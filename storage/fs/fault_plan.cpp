#include "storage/fs/fault_plan.hpp"

namespace sluice::storage {

std::optional<Fault> FaultPlan::on_call(Operation operation, std::string_view path) {
  if (suspended_) return std::nullopt;
  ++calls_;
  std::optional<Fault> hit;
  for (auto& [fault, matched] : faults_) {
    if (fault.operation && *fault.operation != operation) continue;
    if (path.find(fault.path_contains) == std::string_view::npos) continue;
    ++matched;
    if (matched >= fault.nth && matched - fault.nth < fault.repeat && !hit) hit = fault;
  }
  return hit;
}

}  // namespace sluice::storage
