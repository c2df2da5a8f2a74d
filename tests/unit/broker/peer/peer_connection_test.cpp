#include "broker/peer/peer_connection.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "protocol/peer/peer_apis.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/broker/peer/scripted_server.hpp"

using namespace sluice;
using namespace sluice::broker;
using namespace sluice::test;
using namespace std::chrono_literals;
using peer::PeerConnection;
using protocol::ClusterCall;
using protocol::RaftMessages;

namespace {

/// A connection on a thread of its own, and what became of its calls, in the order in which that was told.
struct Client {
  struct Outcome {
    int call;
    std::error_code error;
    std::string body;
  };

  explicit Client(PeerConnection::Options options) {
    thread.start();
    run_on(thread, [&] {
      connection = PeerConnection::make(thread, options, [this](peer::Loss fate) {
        if (fate == peer::Loss::gone) ++gone;
        if (fate == peer::Loss::alive) ++lost;
        if (fate == peer::Loss::unknown) ++in_doubt;
      });
    });
  }
  ~Client() {
    run_on(thread, [&] { connection->close(); });
    thread.stop();
  }

  void call(int number, std::chrono::milliseconds timeout = 5s, const std::string& body = "question") {
    run_on(thread, [&] {
      ClusterCall::Request request;
      request.bytes = as_byte_view(body);
      connection->call<ClusterCall>(request, 0, timeout, [this, number](Result<ClusterCall::Response> answer) {
        const std::lock_guard lock{mutex};
        if (!answer) return outcomes.push_back({number, answer.error(), {}});
        outcomes.push_back({number, {}, {reinterpret_cast<const char*>(answer->bytes.data()), answer->bytes.size()}});
      });
    });
  }
  void tell(const std::string& body, std::chrono::milliseconds timeout) {
    run_on(thread, [&] {
      RaftMessages::Request request;
      request.bytes = as_byte_view(body);
      connection->tell<RaftMessages>(request, 0, timeout);
    });
  }
  std::vector<Outcome> wait_for(std::size_t count) {
    CHECK(eventually([&] {
      const std::lock_guard lock{mutex};
      return outcomes.size() >= count;
    }));
    const std::lock_guard lock{mutex};
    REQUIRE(outcomes.size() == count);
    return outcomes;
  }

  IoThread thread{0};
  std::shared_ptr<PeerConnection> connection;
  std::mutex mutex;
  std::vector<Outcome> outcomes;
  std::atomic<int> lost{0};
  std::atomic<int> gone{0};
  std::atomic<int> in_doubt{0};
};

}  // namespace

TEST_CASE("requests are pipelined, and answers belong to them in their order", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  for (int i = 0; i < 3; ++i) client.call(i, 5s, "body " + std::to_string(i));
  const auto socket = server.accept();
  std::vector<std::byte> answers;
  for (int i = 0; i < 3; ++i) {
    const auto request = read_request(socket);
    REQUIRE(request);
    CHECK(request->key == static_cast<std::int16_t>(ClusterCall::key));
    CHECK(request->body == "body " + std::to_string(i));
    const auto answer = response_frame(request->id, "answer " + std::to_string(i));
    answers.insert(answers.end(), answer.begin(), answer.end());
  }
  // In crumbs: a frame may come in any number of pieces.
  for (const auto byte : answers) REQUIRE(socket.write({&byte, 1}));
  const auto outcomes = client.wait_for(3);
  for (int i = 0; i < 3; ++i) {
    CHECK(outcomes[static_cast<std::size_t>(i)].call == i);
    CHECK(outcomes[static_cast<std::size_t>(i)].body == "answer " + std::to_string(i));
  }
}

TEST_CASE("a large answer is read, and one beyond the limit ends the connection", "[peer]") {
  constexpr std::size_t kLimit = 1U << 20;
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test", .receive_bytes_max = kLimit}};
  client.call(1);
  auto socket = server.accept();
  const std::string large(kLimit - 4, 'x');
  REQUIRE(socket.write(response_frame(read_request(socket)->id, large)));
  CHECK(client.wait_for(1)[0].body == large);
  client.call(2);
  // It may be closed before all of that is written.
  static_cast<void>(socket.write(response_frame(read_request(socket)->id, large + 'x')));
  CHECK(client.wait_for(2)[1].error == std::errc::bad_message);
  CHECK_FALSE(read_request(socket));
  client.call(3);  // over a new one
  socket = server.accept();
  REQUIRE(socket.write(response_frame(read_request(socket)->id, "again")));
  CHECK(client.wait_for(3)[2].body == "again");
}

TEST_CASE("an answer that makes no sense fails everything under way and closes the connection", "[peer]") {
  const auto garbage =
      GENERATE(as<std::string>{}, std::string("\0\0\0\0", 4), std::string("\xff\xff\xff\xff", 4),
               std::string("\0\0\0\2hi", 6), std::string("\0\0\0\4\0\0\0\x63", 8), "GET / HTTP/1.1\r\n\r\n");
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  client.call(2);
  const auto socket = server.accept();
  REQUIRE(read_request(socket));
  REQUIRE(socket.write(as_byte_view(garbage)));
  const auto outcomes = client.wait_for(2);
  CHECK(outcomes[0].error == std::errc::bad_message);
  CHECK(outcomes[1].error == std::errc::bad_message);
  CHECK(client.lost == 0);
  CHECK(client.gone == 0);
}

TEST_CASE("an answer that nobody asked for closes the connection", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.tell("message", 5s);
  const auto socket = server.accept();
  REQUIRE(read_request(socket));
  REQUIRE(socket.write(response_frame(0, "unasked")));
  CHECK_FALSE(read_request(socket));
}

TEST_CASE("half a frame and the end fail the call, and its connection is made anew", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  {
    auto socket = server.accept();
    const auto answer = response_frame(read_request(socket)->id, "cut short");
    REQUIRE(socket.write(ByteView{answer}.first(answer.size() / 2)));
    if (GENERATE(true, false)) socket.reset();
  }
  CHECK(client.wait_for(1)[0].error == std::errc::connection_reset);
  const auto socket = server.accept();
  CHECK(eventually([&] { return client.lost == 1; }));
  CHECK(client.gone == 0);
  client.call(2);
  REQUIRE(socket.write(response_frame(read_request(socket)->id, "whole")));
  CHECK(client.wait_for(2)[1].body == "whole");
}

TEST_CASE("a peer that closes and does not listen any more is told to be gone", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  auto socket = server.accept();
  REQUIRE(read_request(socket));
  server.stop_listening();
  if (GENERATE(true, false)) {
    socket.reset();
  } else {
    socket.close();
  }
  CHECK(eventually([&] { return client.gone == 1; }));
  CHECK(client.lost == 0);
  CHECK(client.in_doubt == 1);
  CHECK(client.wait_for(1)[0].error == std::errc::connection_reset);
}

TEST_CASE("a process in its end that still listens is found to be gone within moments", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  auto socket = server.accept();
  REQUIRE(read_request(socket));
  std::this_thread::sleep_for(250ms);  // a connection that has lasted
  const auto ended = std::chrono::steady_clock::now();
  socket.close();
  server.accept().close();  // taken, and closed with the rest
  server.stop_listening();
  CHECK(eventually([&] { return client.gone == 1; }));
  CHECK(std::chrono::steady_clock::now() - ended < 1s);
  CHECK(client.lost == 0);
  CHECK(client.in_doubt == 1);
}

TEST_CASE("a connection that ends without a word and is refused later tells that the process is gone", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1, 60ms);
  const auto socket = server.accept();
  REQUIRE(read_request(socket));
  CHECK(client.wait_for(1)[0].error == std::errc::timed_out);  // given up by this end
  CHECK(client.gone == 0);
  server.stop_listening();
  client.call(2);
  CHECK(client.wait_for(2)[1].error == std::errc::connection_refused);
  CHECK(eventually([&] { return client.gone == 1; }));
}

TEST_CASE("who is heard of is connected to at once, whatever the pause after the last attempts", "[peer]") {
  ScriptedServer first;
  const auto port = first.port();
  Client client{{.address = first.address(), .client_id = "test"}};
  client.call(1);
  auto socket = first.accept();
  REQUIRE(read_request(socket));
  first.stop_listening();
  socket.close();
  for (int i = 2; i < 6; ++i) {  // pauses of 2, 8, 32 and 128 ms; the next one has 512
    client.call(i);
    client.wait_for(static_cast<std::size_t>(i));
  }
  client.call(6);
  const ScriptedServer second{port};
  const auto began = std::chrono::steady_clock::now();
  run_on(client.thread, [&] { client.connection->hurry(); });
  REQUIRE(read_request(second.accept()));
  CHECK(std::chrono::steady_clock::now() - began < 400ms);
}

TEST_CASE("where nobody listens calls fail at once, and later ones get through when somebody does", "[peer]") {
  ScriptedServer first;
  const auto port = first.port();
  first.stop_listening();
  Client client{{.address = {"127.0.0.1", port}, .client_id = "test"}};
  client.call(1);
  CHECK(client.wait_for(1)[0].error == std::errc::connection_refused);
  CHECK(client.gone == 0);  // it never was connected
  const ScriptedServer second{port};
  client.call(2);  // within the back-off: waits for it
  const auto socket = second.accept();
  REQUIRE(socket.write(response_frame(read_request(socket)->id, "there")));
  CHECK(client.wait_for(2)[1].body == "there");
}

TEST_CASE("what has no answer outlives a failed attempt, for as long as it may", "[peer]") {
  ScriptedServer first;
  const auto port = first.port();
  first.stop_listening();
  Client client{{.address = {"127.0.0.1", port}, .client_id = "test"}};
  client.tell("too old", 20ms);
  client.tell("still good", 4s);
  std::this_thread::sleep_for(40ms);
  const ScriptedServer second{port};
  const auto socket = second.accept();
  const auto message = read_request(socket);
  REQUIRE(message);
  CHECK(message->body == "still good");
}

TEST_CASE("a call that is not answered in its time fails, and a silent connection with it", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1, 60ms);
  client.call(2, 5s);
  const auto socket = server.accept();
  REQUIRE(read_request(socket));
  REQUIRE(read_request(socket));
  const auto outcomes = client.wait_for(2);  // nothing came since they were sent
  CHECK(outcomes[0].call == 1);
  CHECK(outcomes[0].error == std::errc::timed_out);
  CHECK(outcomes[1].error == std::errc::timed_out);
  CHECK_FALSE(read_request(socket));
  CHECK(client.lost + client.gone == 0);  // it was this end that closed
}

TEST_CASE("the late answer of a call that has failed is passed over", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  client.call(2, 100ms);
  client.call(3);
  const auto socket = server.accept();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(read_request(socket)->id);
  REQUIRE(socket.write(response_frame(ids[0], "one")));  // it lives
  CHECK(client.wait_for(2)[1].error == std::errc::timed_out);
  REQUIRE(socket.write(response_frame(ids[1], "two")));
  REQUIRE(socket.write(response_frame(ids[2], "three")));
  const auto outcomes = client.wait_for(3);
  CHECK(outcomes[2].call == 3);
  CHECK(outcomes[2].body == "three");
}

TEST_CASE("what is not sent is bounded", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test", .send_bytes_max = 8 << 20}};
  const std::string megabyte(1 << 20, 'x');
  const auto socket = [&] {
    client.call(0);
    auto accepted = server.accept();
    REQUIRE(read_request(accepted));
    return accepted;
  }();
  // The peer reads nothing more: what its socket and ours don't hold stays here.
  for (int i = 1; i <= 40; ++i) client.call(i, 5s, megabyte);
  CHECK(eventually([&] {
    const std::lock_guard lock{client.mutex};
    return !client.outcomes.empty();
  }));
  const std::lock_guard lock{client.mutex};
  CHECK(client.outcomes.front().error == std::errc::no_buffer_space);
}

TEST_CASE("closing fails what is under way, and calls after it", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  client.call(1);
  const auto socket = server.accept();
  run_on(client.thread, [&] { client.connection->close(); });
  client.call(2);
  const auto outcomes = client.wait_for(2);
  CHECK(outcomes[0].error == std::errc::operation_canceled);
  CHECK(outcomes[1].error == std::errc::operation_canceled);
  CHECK(client.lost + client.gone == 0);
}

TEST_CASE("a call made while another fails goes over the next connection", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  std::promise<std::string> second;
  run_on(client.thread, [&] {
    ClusterCall::Request request;
    client.connection->call<ClusterCall>(request, 0, 5s, [&](Result<ClusterCall::Response> failed) {
      REQUIRE(failed.has_error());
      client.connection->call<ClusterCall>(ClusterCall::Request{}, 0, 5s, [&](Result<ClusterCall::Response> answer) {
        second.set_value(answer ? "answered" : answer.error().message());
      });
    });
  });
  auto socket = server.accept();
  REQUIRE(read_request(socket));
  socket.close();
  socket = server.accept();
  REQUIRE(socket.write(response_frame(read_request(socket)->id, "")));
  CHECK(second.get_future().get() == "answered");
  CHECK(eventually([&] { return client.lost == 1; }));
}

TEST_CASE("a peer that closes whatever it accepts is not connected to in a loop", "[peer]") {
  ScriptedServer server;
  Client client{{.address = server.address(), .client_id = "test"}};
  std::atomic<int> accepted{0};
  std::thread closer{[&] {
    while (server.accept().is_open()) ++accepted;
  }};
  client.tell("message", 5s);
  std::this_thread::sleep_for(500ms);
  CHECK(accepted >= 1);
  CHECK(accepted <= 6);
  run_on(client.thread, [&] { client.connection->close(); });
  server.interrupt();
  closer.join();
}
