#include "broker/identity/peer_survey.hpp"

#include <future>
#include <memory>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "storage/errc.hpp"

namespace sluice::broker::identity {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kRound = 200ms;
constexpr milliseconds kAnswerWithin = 2000ms;
constexpr milliseconds kStep = 100ms;
constexpr auto kBetweenLines = 5s;

}  // namespace

PeerSurvey::PeerSurvey(std::function<bool()> should_stop)
    : should_stop_(std::move(should_stop)), thread_(0, "sluice-ident"), client_(thread_, nullptr, "sluice-identity") {
  thread_.start();
}

PeerSurvey::~PeerSurvey() {
  client_.stop();
  std::promise<void> closed;  // behind the closing of the connections
  thread_.post([&closed] { closed.set_value(); });
  closed.get_future().wait();
  thread_.stop();
}

std::vector<Answer> PeerSurvey::identify(const std::vector<peer::PeerAddress>& addresses, milliseconds timeout) {
  std::vector<std::future<Result<peer::CallResponse>>> under_way;
  for (const auto& address : addresses) {
    const auto promise = std::make_shared<std::promise<Result<peer::CallResponse>>>();
    under_way.push_back(promise->get_future());
    client_.call(address, peer::IdentifyCall{}, timeout,
                 [promise](Result<peer::CallResponse> answer) { promise->set_value(std::move(answer)); });
  }
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    auto& answer = answers.emplace_back(Answer{.address = addresses[i]});
    auto response = await(under_way[i]);
    if (!response) {
      answer.error = response.error().message();
    } else if (auto* description = std::get_if<peer::NodeDescription>(&*response)) {
      answer.description = std::move(*description);
    } else {
      answer.error = "it answers something else";
    }
  }
  return answers;
}

Result<peer::CallResponse> PeerSurvey::call(const peer::PeerAddress& address, const peer::CallRequest& request,
                                            milliseconds timeout) {
  const auto promise = std::make_shared<std::promise<Result<peer::CallResponse>>>();
  auto answer = promise->get_future();
  client_.call(address, request, timeout,
               [promise](Result<peer::CallResponse> answered) { promise->set_value(std::move(answered)); });
  return await(answer);
}

/// Who is to stop does not wait for one that is silent.
Result<peer::CallResponse> PeerSurvey::await(std::future<Result<peer::CallResponse>>& answer) {
  while (answer.wait_for(kStep) != std::future_status::ready) {
    if (should_stop_()) return std::make_error_code(std::errc::operation_canceled);
  }
  return answer.get();
}

Result<Decided> PeerSurvey::until_decided(const std::vector<peer::PeerAddress>& addresses,
                                          const std::function<Verdict(const std::vector<Answer>&)>& judge) {
  do {
    auto verdict = judge(identify(addresses, kAnswerWithin));
    if (auto* decided = std::get_if<Decided>(&verdict)) return std::move(*decided);
    if (const auto* refused = std::get_if<Refuse>(&verdict)) {
      spdlog::critical("{}", refused->why);
      return make_error_code(storage::Errc::wrong_directory);
    }
    tell(std::get<Wait>(verdict).for_what);
  } while (pause(kRound));
  return std::make_error_code(std::errc::operation_canceled);
}

bool PeerSurvey::pause(milliseconds duration) {
  for (; duration.count() > 0 && !should_stop_(); duration -= kStep)
    std::this_thread::sleep_for(std::min(duration, kStep));
  return !should_stop_();
}

void PeerSurvey::tell(const std::string& waits_for) {
  const auto now = Clock::now();
  if (waits_for == told_ ? now - told_at_ < kBetweenLines : now - told_at_ < 1s) return;
  told_ = waits_for;
  told_at_ = now;
  spdlog::info("waiting for {}", waits_for);
}

}  // namespace sluice::broker::identity
