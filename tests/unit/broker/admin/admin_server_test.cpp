#include "broker/admin/admin_server.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sluice::broker::admin {
namespace {

using namespace std::chrono_literals;

/// A client that knows nothing of HTTP: bytes out, bytes in.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Until `end` is at the end of what was received, the peer closes, or ten seconds pass in silence.
  std::string receive_to(std::string_view end) {
    std::string received;
    while (!received.ends_with(end) && receive_some(received)) {
    }
    return received;
  }

  std::string receive_all() {
    std::string received;
    while (receive_some(received)) {
    }
    return received;
  }

 private:
  bool receive_some(std::string& received) {
    char bytes[4096];
    const auto count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count > 0) received.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  int fd_;
  bool connected_ = false;
};

struct Served {
  AdminServer server;
  std::uint16_t port = 0;

  explicit Served(AdminOptions options = {}) : server(std::move(options)) {
    server.route("/hello", [](const Request& request) -> Response { return {.body = "hello " + request.query}; });
    server.routes().add(Method::post, "/echo",
                        [](const Request& request) -> Response { return {.body = request.body}; });
    port = server.start().value();
  }

  /// The whole answer to `request` on a connection of its own.
  std::string ask(std::string_view request) const {
    RawClient client(port);
    client.send(request);
    return client.receive_all();
  }
};

bool has_status(const std::string& answer, std::string_view status) {
  return answer.starts_with("HTTP/1.1 " + std::string(status) + " ");
}

}  // namespace

TEST_CASE("a GET is answered by its handler, which sees the query", "[admin]") {
  Served served;
  const auto answer = served.ask("GET /hello?world HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(has_status(answer, "200"));
  CHECK(answer.find("Content-Length: 11\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\nhello world"));
}

TEST_CASE("HEAD has the header of GET and no body", "[admin]") {
  Served served;
  const auto answer = served.ask("HEAD /hello?world HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(has_status(answer, "200"));
  CHECK(answer.find("Content-Length: 11\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("a connection serves requests one after the other, sent together or not", "[admin]") {
  Served served;
  RawClient client(served.port);
  client.send("GET /hello?1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.receive_to("hello 1").ends_with("hello 1"));
  client.send("GET /hello?2 HTTP/1.1\r\nHost: a\r\n\r\nGET /hello?3 HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto both = client.receive_to("hello 3");
  CHECK(both.find("hello 2") < both.find("hello 3"));
}

TEST_CASE("HTTP/1.0 without keep-alive closes after the answer", "[admin]") {
  Served served;
  CHECK(served.ask("GET /hello?x HTTP/1.0\r\n\r\n").ends_with("hello x"));
}

TEST_CASE("a body reaches the handler", "[admin]") {
  Served served;
  const auto answer =
      served.ask("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nping");
  CHECK(answer.ends_with("\r\n\r\nping"));
}

TEST_CASE("what takes a while keeps nobody else waiting", "[admin]") {
  Served served;
  std::atomic<bool> is_done{false};
  served.server.route("/slow", [&](const Request&) -> Response {
    Response response;
    response.later = [&]() -> std::optional<Response> {
      if (!is_done) return std::nullopt;
      return Response{.status = 202, .body = "done at last"};
    };
    return response;
  });
  RawClient slow(served.port);
  slow.send("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(served.ask("GET /hello?x HTTP/1.0\r\n\r\n").ends_with("hello x"));
  is_done = true;
  const auto answer = slow.receive_all();
  CHECK(has_status(answer, "202"));
  CHECK(answer.ends_with("done at last"));
  RawClient left(served.port);  // to the end of the server, without an answer
  is_done = false;
  left.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(served.ask("GET /hello?y HTTP/1.0\r\n\r\n").ends_with("hello y"));
}

TEST_CASE("what is not there is refused with the right status", "[admin]") {
  Served served;
  CHECK(has_status(served.ask("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "404"));
  const auto refused = served.ask("DELETE /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(has_status(refused, "405"));
  CHECK(refused.find("Allow: GET, HEAD\r\n") != std::string::npos);
  CHECK(has_status(served.ask("PATCH /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "501"));
}

TEST_CASE("what is no request is refused and the connection closed", "[admin]") {
  Served served;
  CHECK(has_status(served.ask("nonsense\r\n\r\n"), "400"));
  CHECK(has_status(served.ask(std::string("\x00\x00\x00\x10\x00\x12\x00\x03kafka\r\n\r\n", 18)), "400"));
  CHECK(has_status(served.ask("GET /hello HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), "431"));
  const std::string large(100'000, 'x');
  CHECK(has_status(served.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + large), "413"));
  CHECK(served.ask("GET /hello HTTP/1.0\r\n\r\n").ends_with("hello "));
}

TEST_CASE("a client that never finishes its request is cut off", "[admin]") {
  Served served({.timeout = 100ms});
  const auto start = std::chrono::steady_clock::now();
  CHECK(served.ask("GET /hello HTT").empty());
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("connections beyond the limit are closed at once; room comes back when others end", "[admin]") {
  Served served({.connections_max = 2});
  {
    RawClient first(served.port);
    RawClient second(served.port);
    for (auto* client : {&first, &second}) {
      client->send("GET /hello?in HTTP/1.1\r\nHost: a\r\n\r\n");
      CHECK(client->receive_to("hello in").ends_with("hello in"));
    }
    CHECK(served.ask("GET /hello HTTP/1.0\r\n\r\n").empty());
  }
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  std::string answer;
  while (answer.empty() && std::chrono::steady_clock::now() < give_up) {
    answer = served.ask("GET /hello?again HTTP/1.0\r\n\r\n");
  }
  CHECK(answer.ends_with("hello again"));
}

TEST_CASE("a route may be added while the server runs", "[admin]") {
  Served served;
  served.server.route("/late", [](const Request&) -> Response { return {.body = "late"}; });
  CHECK(served.ask("GET /late HTTP/1.0\r\n\r\n").ends_with("late"));
}

TEST_CASE("stopping closes open connections and frees the port for the next start", "[admin]") {
  Served served;
  RawClient idle(served.port);
  idle.send("GET /hello?x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(idle.receive_to("hello x").ends_with("hello x"));

  served.server.stop();
  CHECK(idle.receive_all().empty());
  CHECK_FALSE(RawClient(served.port).connected());

  AdminServer next({.port = served.port});
  CHECK(next.start().value() == served.port);
}

TEST_CASE("an address that is taken is an error", "[admin]") {
  Served served;
  AdminServer second({.port = served.port});
  CHECK(second.start().error() == std::errc::address_in_use);
}

TEST_CASE("many clients at once are all answered", "[admin]") {
  Served served;
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        if (served.ask("GET /hello?x HTTP/1.0\r\n\r\n").ends_with("hello x")) ++answered;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(answered == 400);
}

}  // namespace sluice::broker::admin
