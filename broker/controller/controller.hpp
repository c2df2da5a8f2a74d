#pragma once

#include <functional>
#include <memory>

namespace sluice::broker::controller {

class MetadataImage;
struct ControllerRequest;
struct ControllerResponse;

template <class Response>
using Answer = std::function<void(Response)>;

/// The active controller, as every broker sees it, wherever it runs: takes Kafka's own admin requests and the brokers'
/// calls (controller_request.hpp lists both, and has the typed `call`), decides, makes the change durable on a
/// majority, and answers once *this* broker's image shows it. Answers may come on any thread.
///
/// With no controller to be found within the request's time it answers with a retriable error (NOT_CONTROLLER or
/// REQUEST_TIMED_OUT), for every item of the request where the response has items.
class Controller {
 public:
  virtual ~Controller() = default;
  virtual void submit(ControllerRequest request, Answer<ControllerResponse> answer) = 0;
};

/// Where this broker's newest metadata image is found.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Immutable; keeps its content for as long as it is held. Cheap: no lock is taken.
  virtual std::shared_ptr<const MetadataImage> image() const = 0;
};

}  // namespace sluice::broker::controller
