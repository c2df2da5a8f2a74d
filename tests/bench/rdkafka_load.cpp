// A producer over librdkafka that costs little itself: tests/bench/cluster.py compiles it (librdkafka-dev) and runs it.
//
//   rdkafka_load BOOTSTRAP TOPIC PARTITIONS SIZE COUNT RATE [NAME=VALUE ...]
//
// Sends COUNT records of SIZE bytes to the partitions in turn, RATE a second or, with 0, as fast as they go, and waits
// for all answers. NAME=VALUE are settings of the library. Prints one line of JSON: seconds, records that failed, and
// from the call of produce to the answer (the first fifth of the records left out) the percentiles in microseconds.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <librdkafka/rdkafka.h>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

/// What the answers have told. Filled by the one thread that polls.
struct Answers {
  std::vector<std::int64_t> waits_ns;
  std::int64_t measured_from_ns = INT64_MAX;
  std::uint64_t failed = 0;
};

void on_answer(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& answers = *static_cast<Answers*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) ++answers.failed;
  const auto sent_ns = reinterpret_cast<std::intptr_t>(message->_private);
  if (sent_ns >= answers.measured_from_ns) answers.waits_ns.push_back(now_ns() - sent_ns);
}

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "rdkafka_load: %s\n", why.c_str());
  std::exit(1);
}

rd_kafka_t* open_producer(const std::string& bootstrap, Answers& answers, char** settings, char** end) {
  char error[512];
  auto* conf = rd_kafka_conf_new();
  const auto set = [&](const std::string& name, const std::string& value) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
  };
  set("bootstrap.servers", bootstrap);
  set("acks", "all");
  set("queue.buffering.max.messages", "200000");
  set("batch.size", "1000000");
  for (; settings != end; ++settings) {
    const std::string text = *settings;
    const auto at = text.find('=');
    if (at == std::string::npos) fail("a setting is NAME=VALUE");
    set(text.substr(0, at), text.substr(at + 1));
  }
  rd_kafka_conf_set_dr_msg_cb(conf, &on_answer);
  rd_kafka_conf_set_opaque(conf, &answers);
  auto* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (producer == nullptr) fail(error);
  return producer;
}

/// Text that looks like JSON, so that it compresses as events do.
std::string make_payloads(std::size_t bytes) {
  constexpr const char* kWords[] = {"order", "customer", "checkout", "amount", "region", "status", "shipped", "basket"};
  std::mt19937 random(42);
  std::string text;
  while (text.size() < bytes) {
    text += std::string(R"({")") + kWords[random() % 8] + R"(":")" + kWords[random() % 8] + R"(","id":)" +
            std::to_string(random() % 1'000'000'000) + "},";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) fail("BOOTSTRAP TOPIC PARTITIONS SIZE COUNT RATE [NAME=VALUE ...]");
  const auto partitions = std::atoi(argv[3]);
  const auto size = std::strtoull(argv[4], nullptr, 10), count = std::strtoull(argv[5], nullptr, 10);
  const auto rate = std::atof(argv[6]);
  constexpr std::size_t kPayloads = 4096;
  const auto payloads = make_payloads(size + kPayloads);

  Answers answers;
  auto* producer = open_producer(argv[1], answers, argv + 7, argv + argc);
  auto* topic = rd_kafka_topic_new(producer, argv[2], nullptr);
  std::atomic<bool> done = false;
  std::thread poller([&] {
    while (!done) rd_kafka_poll(producer, 20);
  });
  const auto began_ns = now_ns();
  if (rate > 0)
    answers.measured_from_ns = began_ns + static_cast<std::int64_t>(static_cast<double>(count) / rate / 5 * 1e9);
  for (std::uint64_t number = 0; number < count; ++number) {
    if (rate > 0) {
      const auto due_ns = began_ns + static_cast<std::int64_t>(static_cast<double>(number) / rate * 1e9);
      std::this_thread::sleep_until(Clock::time_point(std::chrono::nanoseconds(due_ns)));
    }
    auto* payload = const_cast<char*>(payloads.data() + number % kPayloads);
    const auto partition = static_cast<std::int32_t>(number % static_cast<std::uint64_t>(partitions));
    while (rd_kafka_produce(topic, partition, 0, payload, size, nullptr, 0, reinterpret_cast<void*>(now_ns())) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(rd_kafka_last_error()));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  // Not rd_kafka_flush, which would call on_answer from this thread too.
  const auto deadline_ns = now_ns() + 120'000'000'000;
  while (rd_kafka_outq_len(producer) > 0 && now_ns() < deadline_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  const auto unanswered = static_cast<std::uint64_t>(rd_kafka_outq_len(producer));
  done = true;
  poller.join();

  auto& waits = answers.waits_ns;
  std::sort(waits.begin(), waits.end());
  const auto percentile = [&](double share) {
    return waits.empty()
               ? 0.0
               : static_cast<double>(waits[static_cast<std::size_t>(share * static_cast<double>(waits.size() - 1))]) /
                     1e3;
  };
  std::printf(R"({"seconds": %.4f, "failed": %llu, "us": {"50": %.1f, "99": %.1f, "99.9": %.1f}})"
              "\n",
              seconds, static_cast<unsigned long long>(answers.failed + unanswered), percentile(0.5), percentile(0.99),
              percentile(0.999));
  rd_kafka_topic_destroy(topic);
  std::fflush(stdout);
  std::quick_exit(answers.failed + unanswered == 0 ? 0 : 2);  // with nothing left to wait for
}
