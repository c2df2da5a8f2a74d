#include "broker/controller/local_controller_driver.hpp"

#include <spdlog/spdlog.h>
#include <utility>

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

constexpr std::size_t kGroupRecordsMax = 20'000;  // a batch of a few megabytes
constexpr auto kNotDurable = "The metadata log could not be written; nothing was changed.";

template <class Items>
void fail_items(Items& items) {
  for (auto& item : items) {
    if (item.error_code != ErrorCode::none) continue;
    item.error_code = ErrorCode::kafka_storage_error;
    item.error_message = kNotDurable;
  }
}

void fail(protocol::CreateTopicsResponse& response) { fail_items(response.topics); }
void fail(protocol::DeleteTopicsResponse& response) { fail_items(response.responses); }
void fail(protocol::CreatePartitionsResponse& response) { fail_items(response.results); }
void fail(protocol::AlterConfigsResponse& response) { fail_items(response.responses); }
void fail(protocol::IncrementalAlterConfigsResponse& response) { fail_items(response.responses); }
void fail(protocol::AllocateProducerIdsResponse& response) { response.error_code = ErrorCode::kafka_storage_error; }

}  // namespace

LocalControllerDriver::LocalControllerDriver(Options options, Post post)
    : options_(std::move(options)), post_(std::move(post)), state_(options_.config, options_.make_uuid) {}

Result<std::unique_ptr<LocalControllerDriver>> LocalControllerDriver::open(storage::FileSystem& fs, Options options,
                                                                           Post post) {
  std::unique_ptr<LocalControllerDriver> driver{new LocalControllerDriver{std::move(options), std::move(post)}};
  auto log =
      MetadataLog::open(fs, driver->options_.directory, driver->options_.now(),
                        [&](const MetadataRecord& record, Offset offset) { driver->state_.replay(record, offset); });
  if (!log) return log.error();
  driver->log_ = std::move(*log);
  if (auto registered = driver->register_self(); !registered) return registered.error();
  driver->initial_ = driver->state_.take_change();
  driver->image_.store(driver->initial_.after, std::memory_order_release);
  return driver;
}

Result<> LocalControllerDriver::register_self() {
  const auto& image = state_.image();
  std::vector<MetadataRecord> records;
  if (image.cluster_id().empty()) records.emplace_back(ClusterRecord{options_.cluster_id});
  if (!image.cluster_id().empty() && image.cluster_id() != options_.cluster_id) {
    spdlog::error("the metadata log belongs to another cluster directory={} cluster_id={} expected={}",
                  options_.directory, image.cluster_id(), options_.cluster_id);
    return std::make_error_code(std::errc::invalid_argument);
  }
  const auto* known = image.find_broker(options_.self.id);
  if (known == nullptr || *known != options_.self) records.emplace_back(BrokerRecord{options_.self});
  if (records.empty()) return {};
  const auto first = log_->end_offset();
  if (auto appended = log_->append(records, options_.now()); !appended) return appended.error();
  for (std::size_t i = 0; i < records.size(); ++i) state_.replay(records[i], first + static_cast<std::int64_t>(i));
  return {};
}

void LocalControllerDriver::subscribe(Subscriber subscriber) {
  subscriber_ = std::move(subscriber);
  const auto initial = std::exchange(initial_, {});
  subscriber_(*initial.before, initial.after, initial.delta);
}

template <class Request, class Response>
void LocalControllerDriver::submit(Request request, Answer<Response> answer) {
  Command command = [request = std::move(request), answer = std::move(answer)](
                        const ClusterState& state, std::vector<MetadataRecord>& records) -> Finish {
    auto decision = state.handle(request);
    const bool changes = !decision.records.empty();
    std::move(decision.records.begin(), decision.records.end(), std::back_inserter(records));
    return [answer, changes, response = std::move(decision.response)](bool durable) mutable {
      if (!durable && changes) fail(response);
      answer(std::move(response));
    };
  };
  {
    const std::lock_guard lock{mutex_};
    if (!closed_) {
      waiting_.push_back(std::move(command));
      if (std::exchange(running_, true)) return;
      command = nullptr;
    }
  }
  if (command) {
    std::vector<MetadataRecord> refused;
    command(state_, refused)(false);
  } else {
    post_([this] { run(); });
  }
}

void LocalControllerDriver::run() {
  while (true) {
    std::vector<Command> commands;
    {
      const std::lock_guard lock{mutex_};
      if (waiting_.empty()) {
        running_ = false;
        return;
      }
      commands.swap(waiting_);
    }
    run_group(std::move(commands));
  }
}

void LocalControllerDriver::run_group(std::vector<Command> commands) {
  for (std::size_t next = 0; next < commands.size();) {
    const ClusterState before = state_;
    std::vector<MetadataRecord> records;
    std::vector<Finish> finishes;
    const auto first = log_->end_offset();
    for (; next < commands.size() && records.size() < kGroupRecordsMax; ++next) {
      auto applied = records.size();
      finishes.push_back(commands[next](state_, records));
      for (; applied < records.size(); ++applied) {
        state_.replay(records[applied], first + static_cast<std::int64_t>(applied));
      }
    }
    const bool durable = commit(before, records).has_value();
    for (auto& finish : finishes) finish(durable);
  }
}

Result<> LocalControllerDriver::commit(const ClusterState& before, const std::vector<MetadataRecord>& records) {
  if (records.empty()) return {};
  if (auto appended = log_->append(records, options_.now()); !appended) {
    spdlog::error("metadata log not written; the changes are refused directory={} records={} error={}",
                  options_.directory, records.size(), appended.error().message());
    state_ = before;
    return appended.error();
  }
  const auto change = state_.take_change();
  if (subscriber_) subscriber_(*change.before, change.after, change.delta);
  image_.store(change.after, std::memory_order_release);
  return {};
}

Result<> LocalControllerDriver::close() {
  run();
  const std::lock_guard lock{mutex_};
  closed_ = true;
  return log_->close();
}

void LocalControllerDriver::create_topics(protocol::CreateTopicsRequest request,
                                          Answer<protocol::CreateTopicsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

void LocalControllerDriver::delete_topics(protocol::DeleteTopicsRequest request,
                                          Answer<protocol::DeleteTopicsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

void LocalControllerDriver::create_partitions(protocol::CreatePartitionsRequest request,
                                              Answer<protocol::CreatePartitionsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

void LocalControllerDriver::alter_configs(protocol::AlterConfigsRequest request,
                                          Answer<protocol::AlterConfigsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

void LocalControllerDriver::incremental_alter_configs(protocol::IncrementalAlterConfigsRequest request,
                                                      Answer<protocol::IncrementalAlterConfigsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

void LocalControllerDriver::allocate_producer_ids(protocol::AllocateProducerIdsRequest request,
                                                  Answer<protocol::AllocateProducerIdsResponse> answer) {
  submit(std::move(request), std::move(answer));
}

}  // namespace sluice::broker::controller
