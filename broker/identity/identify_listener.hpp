#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/config/listener.hpp"
#include "broker/peer/cluster_call.hpp"
#include "broker/server/io_thread.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::identity {

/// Answers IdentifyCall, and nothing else, while there is no broker yet that could: nodes that look for each other must
/// be able to find each other. Its sockets are closed before the server opens them anew.
///
/// Threading: made, and destroyed, on any thread while the io thread runs; `describe` is called there.
class IdentifyListener {
 public:
  using Describe = std::function<peer::NodeDescription()>;

  /// Errors: of the system, for the listener that is logged.
  static Result<std::unique_ptr<IdentifyListener>> open(IoThread& thread,
                                                        const std::vector<config::Listener>& listeners,
                                                        Describe describe);
  ~IdentifyListener();  ///< every socket is closed when it returns
  IdentifyListener(const IdentifyListener&) = delete;
  IdentifyListener& operator=(const IdentifyListener&) = delete;

 private:
  struct Parts;
  explicit IdentifyListener(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<Parts> parts_;
};

}  // namespace sluice::broker::identity
