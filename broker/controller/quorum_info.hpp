#pragma once

#include <string>
#include <vector>

#include "protocol/base/ids.hpp"

namespace sluice::broker::controller {

/// What this node knows of the quorum, for answers that need no more than that. Threading: any.
class QuorumInfo {
 public:
  struct Voter {
    BrokerId id{};
    std::string host{};  ///< empty: where it is reached is not known
    std::uint16_t port = 0;
  };
  virtual ~QuorumInfo() = default;
  virtual BrokerId leader() const = 0;  ///< kNoBroker: nobody, as far as is known
  virtual std::vector<Voter> voters() const = 0;
};

}  // namespace sluice::broker::controller
