#include "broker/group/assignor/assignor.hpp"

#include "broker/group/assignor/range_assignor.hpp"
#include "broker/group/assignor/uniform_assignor.hpp"

namespace sluice::broker::group {

const Assignor* find_assignor(std::string_view name) noexcept {
  static const UniformAssignor kUniform;
  static const RangeAssignor kRange;
  if (name == kUniform.name()) return &kUniform;
  if (name == kRange.name()) return &kRange;
  return nullptr;
}

}  // namespace sluice::broker::group
