#pragma once

#include <functional>
#include <memory>

#include "protocol/messages/allocate_producer_ids.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"

namespace sluice::broker::controller {

class MetadataImage;

template <class Response>
using Answer = std::function<void(Response)>;

/// The active controller, as brokers see it: takes Kafka's own admin requests, decides, makes the change durable,
/// and answers once this broker's image shows it. Answers may come on any thread.
class Controller {
 public:
  virtual ~Controller() = default;

  virtual void create_topics(protocol::CreateTopicsRequest request, Answer<protocol::CreateTopicsResponse> answer) = 0;
  virtual void delete_topics(protocol::DeleteTopicsRequest request, Answer<protocol::DeleteTopicsResponse> answer) = 0;
  virtual void create_partitions(protocol::CreatePartitionsRequest request,
                                 Answer<protocol::CreatePartitionsResponse> answer) = 0;
  virtual void alter_configs(protocol::AlterConfigsRequest request, Answer<protocol::AlterConfigsResponse> answer) = 0;
  virtual void incremental_alter_configs(protocol::IncrementalAlterConfigsRequest request,
                                         Answer<protocol::IncrementalAlterConfigsResponse> answer) = 0;
  virtual void allocate_producer_ids(protocol::AllocateProducerIdsRequest request,
                                     Answer<protocol::AllocateProducerIdsResponse> answer) = 0;
};

/// Where this broker's newest metadata image is found.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Immutable; keeps its content for as long as it is held. Cheap: no lock is taken.
  virtual std::shared_ptr<const MetadataImage> image() const = 0;
};

}  // namespace sluice::broker::controller
