#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "broker/identity/discovery.hpp"
#include "broker/peer/cluster_client.hpp"
#include "broker/server/io_thread.hpp"

namespace sluice::broker::identity {

/// Asks other nodes, all at once and again and again, until what they say decides. Blocks its caller, who has nothing
/// else to do before; one io thread of its own.
class PeerSurvey {
 public:
  explicit PeerSurvey(std::function<bool()> should_stop);
  ~PeerSurvey();

  IoThread& thread() noexcept { return thread_; }

  /// One answer for each address, in their order.
  std::vector<Answer> identify(const std::vector<peer::PeerAddress>& addresses, std::chrono::milliseconds timeout);
  Result<peer::CallResponse> call(const peer::PeerAddress& address, const peer::CallRequest& request,
                                  std::chrono::milliseconds timeout);

  /// Asks until `judge` decides, telling in the log every few seconds what is waited for.
  /// Errors: wrong_directory for what `judge` refuses, logged; operation_canceled.
  Result<Decided> until_decided(const std::vector<peer::PeerAddress>& addresses,
                                const std::function<Verdict(const std::vector<Answer>&)>& judge);
  /// False: to stop.
  bool pause(std::chrono::milliseconds duration);
  /// Says it now and then, and when it is another thing than the last.
  void tell(const std::string& waits_for);

 private:
  using Clock = std::chrono::steady_clock;

  Result<peer::CallResponse> await(std::future<Result<peer::CallResponse>>& answer);

  const std::function<bool()> should_stop_;
  IoThread thread_;
  peer::ClusterClient client_;
  std::string told_;
  Clock::time_point told_at_{};
};

}  // namespace sluice::broker::identity
