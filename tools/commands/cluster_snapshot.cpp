#include <CLI/CLI.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <memory>

#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

struct Answer {
  unsigned status = 0;
  std::string body;
};

/// Asynchronous operations one after the other: only those are held to the time.
boost::system::result<Answer> post(const Address& address, const std::string& path, const Globals& globals) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::resolver resolver{context};
  error_code error;
  const auto found = resolver.resolve(address.host, std::to_string(address.port), error);
  if (error) return error;
  boost::beast::tcp_stream stream{context};
  stream.expires_after(globals.timeout);
  const auto finish = [&](auto start) {
    start([&](error_code result, const auto&) { error = result; });
    context.restart();
    context.run();
    return !error;
  };
  http::request<http::empty_body> request{http::verb::post, path, 11};
  request.set(http::field::host, address.host);
  request.keep_alive(false);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  if (!finish([&](auto done) { stream.async_connect(found, done); })) return error;
  if (!finish([&](auto done) { http::async_write(stream, request, done); })) return error;
  if (!finish([&](auto done) { http::async_read(stream, buffer, response, done); })) return error;
  return Answer{response.result_int(), std::move(response.body())};
}

Outcome<> run(const std::string& admin, const Globals& globals) {
  const auto address = parse_address(admin);
  if (!address) {
    return Failure{.status = ExitStatus::usage, .message = fmt::format("{} is no HOST:PORT", admin)};
  }
  const auto answer = post(*address, "/cluster/snapshot", globals);
  if (!answer) {
    return Failure{.status = ExitStatus::unreachable,
                   .message = fmt::format("cannot reach the admin page at {}", admin),
                   .tried = "POST /cluster/snapshot",
                   .answer = answer.error().message(),
                   .next = "sluice.admin.listener says where it is"};
  }
  if (answer->status / 100 != 2) {
    return Failure{.message = "no snapshot was written",
                   .tried = fmt::format("POST http://{}/cluster/snapshot", admin),
                   .answer = fmt::format("{} {}", answer->status, answer->body)};
  }
  Table table{{"node", "result"}};
  table.add({admin, answer->body});
  table.print(globals.output);
  return {};
}

}  // namespace

void add_cluster_snapshot(CLI::App& cluster, const Globals& globals, Command& chosen) {
  auto* command =
      cluster.add_subcommand("snapshot", "Has a node write a snapshot of the metadata now, and drop the log before it");
  const auto admin = std::make_shared<std::string>("127.0.0.1:9644");
  command->add_option("--admin", *admin, "The node's admin page (sluice.admin.listener)")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->callback([admin, &globals, &chosen] { chosen = [admin, &globals] { return run(*admin, globals); }; });
}

}  // namespace sluice::tools
