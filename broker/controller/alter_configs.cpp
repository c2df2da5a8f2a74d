#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <set>

#include "broker/config/alter.hpp"
#include "broker/config/definition.hpp"
#include "broker/controller/cluster_defaults.hpp"
#include "broker/controller/cluster_state.hpp"
#include "broker/controller/request_error.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::AlterConfigsRequest;
using protocol::AlterConfigsResponse;
using protocol::ErrorCode;
using protocol::IncrementalAlterConfigsRequest;
using protocol::IncrementalAlterConfigsResponse;

/// A string of the protocol, which DescribeConfigs tells values in, has no more bytes.
constexpr std::size_t kValueMax = 32767;

enum class Operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

Refusal invalid_request(std::string message) { return RequestError{ErrorCode::invalid_request, std::move(message)}; }

/// The settings of one resource of a request: what they are, what they are to be, and the records that lead there.
class ResourceChange {
 public:
  ResourceChange(const MetadataImage& image, const config::BrokerConfig& config, std::int8_t type, std::string name)
      : image_(image), config_(config), type_(static_cast<ConfigResource>(type)), name_(std::move(name)) {}

  /// Finds the resource; call first, and go on only when it is not refused.
  Refusal find();

  Refusal apply(Operation operation, const std::string& key, const std::optional<std::string>& value);
  /// AlterConfigs: what is not named goes back to its default.
  Refusal replace_all(const std::vector<AlterConfigsRequest::AlterableConfig>& configs);

  /// Judges the settings that result.
  Refusal validate() const;
  void append_records(std::vector<MetadataRecord>& to) const;

 private:
  bool is_topic() const noexcept { return type_ == ConfigResource::topic; }
  bool is_group() const noexcept { return type_ == ConfigResource::group; }
  bool is_all_brokers() const noexcept { return type_ == ConfigResource::broker && name_.empty(); }
  bool is_list(const std::string& key) const;
  Refusal find_broker();
  Refusal refuse_to_differ() const;
  Refusal refuse_broker_setting(const std::string& key, const std::string& value) const;
  std::string current_list(const std::string& key) const;

  const MetadataImage& image_;
  const config::BrokerConfig& config_;
  const ConfigResource type_;
  const std::string name_;
  const ConfigMap* before_ = nullptr;
  ConfigMap after_;
};

Refusal ResourceChange::find() {
  if (type_ == ConfigResource::broker) return find_broker();
  if (is_group()) {
    if (name_.empty()) return invalid_request("Settings of all groups are those of the brokers; name a group.");
    before_ = &image_.group_configs(name_);
    after_ = *before_;
    return std::nullopt;
  }
  if (!is_topic()) {
    return invalid_request(
        fmt::format("Settings of resource type {} can't be changed; those of topics (2), brokers (4) and groups (32) "
                    "can.",
                    static_cast<int>(type_)));
  }
  if (name_.empty()) return invalid_request("Settings of all topics are those of the brokers; name a topic.");
  const auto* topic = image_.find_topic(name_);
  if (topic == nullptr) {
    return RequestError{ErrorCode::unknown_topic_or_partition, fmt::format("There is no topic '{}'.", clipped(name_))};
  }
  before_ = &topic->configs;
  after_ = *before_;
  return std::nullopt;
}

Refusal ResourceChange::find_broker() {
  BrokerId id = kNoBroker;
  if (!name_.empty()) {
    std::int32_t number = 0;
    const auto* end = name_.data() + name_.size();
    const auto parsed = std::from_chars(name_.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || std::to_string(number) != name_) {
      return invalid_request(
          fmt::format("A broker's name must be its id, a number, but '{}' was given.", clipped(name_)));
    }
    id = BrokerId{number};
    if (image_.find_broker(id) == nullptr) return invalid_request(fmt::format("No broker {} is registered.", number));
  }
  before_ = &image_.broker_configs(id);
  after_ = *before_;
  return std::nullopt;
}

Refusal ResourceChange::apply(Operation operation, const std::string& key, const std::optional<std::string>& value) {
  if (operation == Operation::remove) {
    after_.erase(key);
    return std::nullopt;
  }
  if (!value) return invalid_request(fmt::format("No value is given for {}.", clipped(key)));
  if (operation == Operation::set) {
    after_.insert_or_assign(key, *value);
    return std::nullopt;
  }
  if (operation != Operation::append && operation != Operation::subtract) {
    return invalid_request(
        fmt::format("{}: the operation must be 0 (set), 1 (delete), 2 (append) or 3 (subtract).", clipped(key)));
  }
  if (!is_list(key)) {
    return RequestError{ErrorCode::invalid_config,
                        fmt::format("{} is not a list: it can only be set or deleted.", clipped(key))};
  }
  const auto list = current_list(key);
  auto changed =
      operation == Operation::append ? config::append_to_list(list, *value) : config::subtract_from_list(list, *value);
  if (changed.size() > kValueMax) {
    return RequestError{ErrorCode::invalid_config, fmt::format("{} would be longer than {} bytes.", key, kValueMax)};
  }
  if (changed != list) after_.insert_or_assign(key, std::move(changed));
  return std::nullopt;
}

bool ResourceChange::is_list(const std::string& key) const {
  if (is_group()) return false;  // they have none
  return is_topic() ? config::is_topic_list(key) : config::is_broker_list(key);
}

Refusal ResourceChange::replace_all(const std::vector<AlterConfigsRequest::AlterableConfig>& configs) {
  std::erase_if(after_, [this](const auto& item) { return !is_all_brokers() || !is_cluster_default(item.first); });
  for (const auto& config : configs) {
    if (auto refusal = apply(Operation::set, config.name, config.value)) return refusal;
  }
  return std::nullopt;
}

std::string ResourceChange::current_list(const std::string& key) const {
  if (const auto found = after_.find(key); found != after_.end()) return found->second;
  if (!is_topic()) return config_.value_of_group(key).value_or("");
  const auto* definition = config::find_topic_definition(key);
  if (!definition->broker_name.empty()) {
    if (auto value = config_.value_of_group(definition->broker_name)) return *std::move(value);
  }
  return std::string{definition->default_value.value_or("")};
}

Refusal ResourceChange::validate() const {
  if (is_topic() || is_group()) {
    if (auto refusal = is_topic() ? config::validate_topic_configs(config_, after_)
                                  : config::validate_group_configs(config_, after_)) {
      return RequestError{ErrorCode::invalid_config, *std::move(refusal)};
    }
    return std::nullopt;
  }
  if (auto refusal = refuse_to_differ()) return refusal;
  for (const auto& [key, value] : after_) {
    const auto old = before_->find(key);
    if (old != before_->end() && old->second == value) continue;
    if (auto refusal = refuse_broker_setting(key, value)) return refusal;
  }
  return std::nullopt;
}

/// What one broker can't have for itself, and all can't be without (KIP-966).
Refusal ResourceChange::refuse_to_differ() const {
  for (const auto setting : kClusterDefaults) {
    const std::string key{setting};
    const auto before = before_->find(key);
    const auto after = after_.find(key);
    if (is_all_brokers() && before != before_->end() && after == after_.end()) {
      return RequestError{ErrorCode::invalid_config, fmt::format("Cluster-level {} can't be removed, only set.", key)};
    }
    const bool is_set = after != after_.end() && (before == before_->end() || before->second != after->second);
    if (!is_all_brokers() && is_set) {
      return RequestError{ErrorCode::invalid_config,
                          fmt::format("Broker-level {} can't be set: it is the same for all brokers.", key)};
    }
  }
  return std::nullopt;
}

Refusal ResourceChange::refuse_broker_setting(const std::string& key, const std::string& value) const {
  const auto resource = name_.empty() ? config::BrokerResource::cluster_default : config::BrokerResource::one_broker;
  auto refusal = config::validate_broker_config(resource, key, value);
  if (!refusal) return std::nullopt;
  // A setting that no value could change is a mistake of the request, not of the value.
  const auto* definition = config::find_broker_definition(key);
  const bool changeable =
      definition != nullptr && (definition->dynamic == config::Dynamic::cluster_wide ||
                                (definition->dynamic == config::Dynamic::per_broker && !name_.empty()));
  return RequestError{definition == nullptr || changeable ? ErrorCode::invalid_config : ErrorCode::invalid_request,
                      *std::move(refusal)};
}

void ResourceChange::append_records(std::vector<MetadataRecord>& to) const {
  for (const auto& [key, value] : *before_) {
    if (!after_.contains(key)) to.emplace_back(ConfigRecord{type_, name_, key, std::nullopt});
  }
  for (const auto& [key, value] : after_) {
    const auto old = before_->find(key);
    if (old == before_->end() || old->second != value) to.emplace_back(ConfigRecord{type_, name_, key, value});
  }
}

template <class Configs>
bool names_a_setting_twice(const Configs& configs) {
  std::set<std::string_view> names;
  return !std::all_of(configs.begin(), configs.end(), [&](const auto& one) { return names.insert(one.name).second; });
}

Refusal change(ResourceChange& resource, const AlterConfigsRequest::AlterConfigsResource& request) {
  return resource.replace_all(request.configs);
}

Refusal change(ResourceChange& resource, const IncrementalAlterConfigsRequest::AlterConfigsResource& request) {
  for (const auto& config : request.configs) {
    if (auto refusal = resource.apply(static_cast<Operation>(config.config_operation), config.name, config.value)) {
      return refusal;
    }
  }
  return std::nullopt;
}

/// What both requests have in common: each resource by itself, all or nothing.
template <class Response, class Request>
Decision<Response> alter(const MetadataImage& image, const config::BrokerConfig& config, const Request& request) {
  std::map<std::pair<std::int8_t, std::string_view>, int> times_named;
  for (const auto& resource : request.resources) ++times_named[{resource.resource_type, resource.resource_name}];

  Decision<Response> decision;
  for (const auto& asked : request.resources) {
    ResourceChange resource{image, config, asked.resource_type, asked.resource_name};
    Refusal refusal;
    if (times_named[{asked.resource_type, asked.resource_name}] > 1) {
      refusal = invalid_request("The request names this resource more than once.");
    } else if (names_a_setting_twice(asked.configs)) {
      refusal = invalid_request("The request names a setting of this resource more than once.");
    }
    if (!refusal) refusal = resource.find();
    if (!refusal) refusal = change(resource, asked);
    if (!refusal) refusal = resource.validate();
    if (!refusal && !request.validate_only) resource.append_records(decision.records);

    auto& result = decision.response.responses.emplace_back();
    result.resource_type = asked.resource_type;
    result.resource_name = asked.resource_name;
    result.error_code = refusal ? refusal->code : ErrorCode::none;
    result.error_message = refusal ? std::optional{std::move(refusal->message)} : std::nullopt;
  }
  return decision;
}

}  // namespace

Decision<AlterConfigsResponse> ClusterState::handle(const AlterConfigsRequest& request) const {
  auto decision = alter<AlterConfigsResponse>(image_, effective_config(), request);
  prepend_lost_eligibility(decision.records);
  return decision;
}

Decision<IncrementalAlterConfigsResponse> ClusterState::handle(const IncrementalAlterConfigsRequest& request) const {
  auto decision = alter<IncrementalAlterConfigsResponse>(image_, effective_config(), request);
  prepend_lost_eligibility(decision.records);
  return decision;
}

/// Leaders follow as they see the image, and so before they see any ISR that was decided on with these values.
std::vector<MetadataRecord> ClusterState::settle_defaults() const {
  std::vector<MetadataRecord> records;
  const auto& known = image_.broker_configs(kNoBroker);
  for (const auto setting : kClusterDefaults) {
    const std::string key{setting};
    const auto own = config_->value(key);
    if (own && !known.contains(key)) records.emplace_back(ConfigRecord{ConfigResource::broker, "", key, *own});
  }
  prepend_lost_eligibility(records);
  return records;
}

/// KIP-966: an ELR is good for the min.insync.replicas that it came about with. It goes first: what comes to be
/// committed without the rest does no harm.
void ClusterState::prepend_lost_eligibility(std::vector<MetadataRecord>& records) const {
  bool by_default = false;
  std::set<std::string_view> topics;
  for (const auto& record : records) {
    const auto* config = std::get_if<ConfigRecord>(&record);
    if (config == nullptr || config->key != kMinInSyncReplicas) continue;
    if (config->resource == ConfigResource::topic) topics.insert(config->name);
    if (config->resource == ConfigResource::broker) by_default = true;
  }
  if (!by_default && topics.empty()) return;
  auto partitions = without_elr([&](const TopicImage& topic) {
    return topics.contains(topic.name) || (by_default && !topic.configs.contains(std::string{kMinInSyncReplicas}));
  });
  records.insert(records.begin(), std::make_move_iterator(partitions.begin()),
                 std::make_move_iterator(partitions.end()));
}

}  // namespace sluice::broker::controller
