// Many producers, each with one small record on its way at a time and acks=all, over the partitions of one topic: what
// group commit makes of it. Any Kafka-protocol server; one thread, so that the client costs little. One JSON line.
//
//   group_commit_bench --broker HOST:PORT --producers N --partitions N [--seconds 5] [--warmup 1] [--size 100]
//                      [--in-flight 1] [--config flush.messages=1]...
//
// Latencies are from before the request's send to after its response was received.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "client/wire_connection.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/messages/request_header.hpp"
#include "protocol/record/batch_builder.hpp"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;
constexpr std::int16_t kProduceVersion = 9;
constexpr std::int16_t kCreateTopicsVersion = 5;
constexpr std::int16_t kDeleteTopicsVersion = 4;
constexpr std::size_t kCorrelationIdAt = 8;  // after the size, the key and the version

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "group_commit_bench: %s\n", what.c_str());
  std::exit(1);
}

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9092;
  int producers = 1;
  int partitions = 1;
  double seconds = 5;
  double warmup = 1;
  int record_bytes = 100;
  int in_flight = 1;
  std::vector<std::pair<std::string, std::string>> configs;
};

std::pair<std::string, std::string> split(const std::string& text, char at) {
  const auto place = text.rfind(at);
  if (place == std::string::npos) fail("bad value " + text);
  return {text.substr(0, place), text.substr(place + 1)};
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--broker") {
      const auto [host, port] = split(value, ':');
      options.host = host;
      options.port = static_cast<std::uint16_t>(std::stoi(port));
    } else if (name == "--producers") {
      options.producers = std::stoi(value);
    } else if (name == "--partitions") {
      options.partitions = std::stoi(value);
    } else if (name == "--seconds") {
      options.seconds = std::stod(value);
    } else if (name == "--warmup") {
      options.warmup = std::stod(value);
    } else if (name == "--size") {
      options.record_bytes = std::stoi(value);
    } else if (name == "--in-flight") {
      options.in_flight = std::stoi(value);
    } else if (name == "--config") {
      options.configs.push_back(split(value, '='));
    } else {
      fail("unknown option " + name);
    }
  }
  return options;
}

client::WireConnection connect_client(const Options& options) {
  auto opened = client::WireConnection::open(options.host, options.port, std::chrono::seconds{60});
  if (!opened) fail("connect: " + opened.error().message());
  return std::move(*opened);
}

void create_topic(client::WireConnection& connection, const std::string& name, const Options& options) {
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = options.partitions;
  topic.replication_factor = 1;
  for (const auto& [key, value] : options.configs) {
    auto& config = topic.configs.emplace_back();
    config.name = key;
    config.value = value;
  }
  const auto created = connection.call<protocol::CreateTopics>(request, kCreateTopicsVersion);
  if (!created) fail("create topic: " + created.error().message());
  if (created->topics.at(0).error_code != protocol::ErrorCode::none) {
    fail("create topic: " + created->topics[0].error_message.value_or("refused"));
  }
}

void delete_topic(client::WireConnection& connection, const std::string& name) {
  protocol::DeleteTopicsRequest request;
  request.topic_names.emplace_back(name);
  request.timeout_ms = 60'000;
  (void)connection.call<protocol::DeleteTopics>(request, kDeleteTopicsVersion);
}

std::vector<std::byte> one_record(int bytes) {
  const std::string value(static_cast<std::size_t>(bytes), 'x');
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  record::BatchBuilder builder;
  builder.append({.timestamp = Timestamp{now.count()}, .value = as_byte_view(value)});
  const auto batch = builder.build();
  return {batch.begin(), batch.end()};
}

protocol::ProduceRequest produce_request(const std::string& topic, PartitionId partition,
                                         std::vector<std::byte>& batch) {
  protocol::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30'000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  auto& records = data.partition_data.emplace_back();
  records.index = partition;
  records.records = wire::Records::view(batch);
  return request;
}

/// Until every partition has taken a record: a topic may be there before its leaders are.
void prime(client::WireConnection& connection, const std::string& topic, const Options& options) {
  auto batch = one_record(options.record_bytes);
  const auto deadline = Clock::now() + std::chrono::seconds{60};
  for (int i = 0; i < options.partitions;) {
    const auto request = produce_request(topic, PartitionId{i}, batch);
    const auto answer = connection.call<protocol::Produce>(request, kProduceVersion);
    if (!answer) fail("produce: " + answer.error().message());
    const auto error = answer->responses.at(0).partition_responses.at(0).error_code;
    if (error == protocol::ErrorCode::none) {
      ++i;
    } else if (Clock::now() > deadline) {
      fail("produce: error code " + std::to_string(static_cast<int>(error)));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }
}

std::vector<std::byte> produce_frame(const std::string& topic, PartitionId partition, std::vector<std::byte>& batch) {
  wire::Writer writer;
  protocol::RequestHeader header;
  header.request_api_key = static_cast<std::int16_t>(protocol::Produce::key);
  header.request_api_version = kProduceVersion;
  header.client_id = "group_commit";
  writer.int32(0);
  encode(header, 2, writer);
  encode(produce_request(topic, partition, batch), kProduceVersion, writer);
  store_be(writer.mutable_bytes().data(), static_cast<std::int32_t>(writer.size() - 4));
  const auto bytes = writer.bytes();
  return {bytes.begin(), bytes.end()};
}

int connect_socket(const Options& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0)
    fail("no such host");
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd < 0 || ::connect(fd, found->ai_addr, found->ai_addrlen) != 0) fail("connect");
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::freeaddrinfo(found);
  return fd;
}

/// One connection with requests on their way. Partitions are drawn at random, by a seed of its own.
class LoadProducer {
 public:
  LoadProducer(int fd, unsigned seed, std::vector<std::vector<std::byte>>& frames)
      : fd_(fd), random_(seed), frames_(frames) {}

  int fd() const noexcept { return fd_; }

  void send() {
    auto& frame = frames_[random_() % frames_.size()];
    store_be(frame.data() + kCorrelationIdAt, ++sent_);
    started_.push_back(Clock::now());
    for (std::size_t done = 0; done < frame.size();) {
      const auto count = ::send(fd_, frame.data() + done, frame.size() - done, MSG_NOSIGNAL);
      if (count <= 0) fail("send");
      done += static_cast<std::size_t>(count);
    }
  }

  /// Takes what has come; calls `answered` with the time that each answered request was sent at.
  template <class Answered>
  void receive(Answered&& answered) {
    const auto count = ::recv(fd_, buffer_.data() + filled_, buffer_.size() - filled_, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fail("the server closed the connection");
    filled_ += static_cast<std::size_t>(count);
    std::size_t at = 0;
    while (filled_ - at >= 4) {
      const auto frame_bytes = std::size_t{4} + static_cast<std::size_t>(load_be<std::int32_t>(buffer_.data() + at));
      if (frame_bytes > buffer_.size()) fail("a response too large");
      if (filled_ - at < frame_bytes) break;
      check(MutableBytes{buffer_.data() + at + 4, frame_bytes - 4});
      at += frame_bytes;
      answered(started_.front());
      started_.pop_front();
    }
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at), buffer_.begin() + static_cast<std::ptrdiff_t>(filled_),
              buffer_.begin());
    filled_ -= at;
  }

 private:
  void check(MutableBytes frame) {
    wire::Reader reader{frame};
    const bool ours = reader.int32() == ++answered_;
    reader.varint();  // of tagged fields: none
    protocol::ProduceResponse response;
    if (!ours || !decode(reader, kProduceVersion, response)) fail("a response that does not parse");
    const auto error = response.responses.at(0).partition_responses.at(0).error_code;
    if (error != protocol::ErrorCode::none) fail("produce: error code " + std::to_string(static_cast<int>(error)));
  }

  const int fd_;
  std::minstd_rand random_;
  std::vector<std::vector<std::byte>>& frames_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(64 * 1024);
  std::size_t filled_ = 0;
  std::deque<Clock::time_point> started_;
  std::int32_t sent_ = 0;
  std::int32_t answered_ = 0;
};

/// Microseconds of each request that was sent after the warm-up and answered in time.
std::vector<double> run(const std::string& topic, const Options& options) {
  auto batch = one_record(options.record_bytes);
  std::vector<std::vector<std::byte>> frames;
  for (int i = 0; i < options.partitions; ++i) frames.push_back(produce_frame(topic, PartitionId{i}, batch));
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::deque<LoadProducer> producers;
  for (int i = 0; i < options.producers; ++i) {
    auto& producer = producers.emplace_back(connect_socket(options), static_cast<unsigned>(i + 1), frames);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &producer;
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, producer.fd(), &event) != 0) fail("epoll");
  }
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{s});
  };
  const auto from = Clock::now() + seconds(options.warmup);
  const auto until = from + seconds(options.seconds);
  for (auto& producer : producers) {
    for (int i = 0; i < options.in_flight; ++i) producer.send();
  }
  std::vector<double> took;
  std::vector<epoll_event> events(static_cast<std::size_t>(options.producers));
  for (auto now = Clock::now(); now < until;) {
    const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
    now = Clock::now();
    for (int i = 0; i < ready; ++i) {
      auto& producer = *static_cast<LoadProducer*>(events[static_cast<std::size_t>(i)].data.ptr);
      producer.receive([&](Clock::time_point started) {
        const auto answered = Clock::now();
        if (started >= from) took.push_back(std::chrono::duration<double, std::micro>(answered - started).count());
        producer.send();
      });
    }
  }
  for (auto& producer : producers) ::close(producer.fd());
  ::close(poll);
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  auto connection = connect_client(options);
  const auto topic = "group-commit-" + std::to_string(Clock::now().time_since_epoch().count());
  create_topic(connection, topic, options);
  prime(connection, topic, options);
  auto took = run(topic, options);
  if (took.empty()) fail("nothing was answered in time");
  std::sort(took.begin(), took.end());
  const auto percentile = [&](double share) {
    return took[static_cast<std::size_t>(share * static_cast<double>(took.size() - 1))];
  };
  std::printf("{\"per_second\": %.1f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f}\n",
              static_cast<double>(took.size()) / options.seconds, percentile(0.5), percentile(0.99), percentile(0.999));
  delete_topic(connection, topic);
  return 0;
}
