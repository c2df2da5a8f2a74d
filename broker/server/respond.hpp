#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/base/assert.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::broker {

struct RequestContext;

/// Where an answer goes: a slot in its connection's ordered queue of responses, or a test. Called once, on any thread.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual RequestContext& context() noexcept = 0;

  /// `message` is the response struct of the request's API. `slices` are the bytes of its spliced `records` fields,
  /// in their order of appearance, the empty ones left out.
  virtual void answer(const void* message, std::vector<storage::LogSlice> slices) = 0;
  /// The protocol has no answer (acks=0): the slot is passed over.
  virtual void answer_nothing() = 0;
  /// Nobody answered, or nothing sensible can be said: the connection is closed.
  virtual void abandon() = 0;
};

/// The right and the duty to answer one request: move-only, used once, at once or later.
template <class Response>
class Respond {
 public:
  explicit Respond(std::unique_ptr<ResponseSink> sink) noexcept : sink_(std::move(sink)) {}
  Respond(Respond&&) noexcept = default;
  Respond& operator=(Respond&&) noexcept = default;
  ~Respond() {
    if (sink_) sink_->abandon();
  }

  void operator()(const Response& response, std::vector<storage::LogSlice> slices = {}) {
    SLUICE_ASSERT(sink_ != nullptr);
    std::exchange(sink_, nullptr)->answer(&response, std::move(slices));
  }
  void nothing() {
    SLUICE_ASSERT(sink_ != nullptr);
    std::exchange(sink_, nullptr)->answer_nothing();
  }
  void close_connection() { std::exchange(sink_, nullptr)->abandon(); }

  /// Valid until the answer is given.
  RequestContext& context() const noexcept { return sink_->context(); }

 private:
  std::unique_ptr<ResponseSink> sink_;
};

}  // namespace sluice::broker
