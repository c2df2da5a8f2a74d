#pragma once

#include <cstdint>

#include "broker/config/topic_settings.hpp"
#include "protocol/record/batch_validator.hpp"

namespace sluice::broker::api {

/// What a topic's settings and the version of a Produce request ask of a batch.
record::ValidationRules produce_rules(const config::TopicSettings& settings, std::int16_t version);

}  // namespace sluice::broker::api
