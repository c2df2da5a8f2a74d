#include "tests/integration/child_broker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace sluice::test {
namespace {

/// The port in the line that tells that a listener serves.
std::uint16_t serving_port(int log) {
  std::string text;
  char chunk[4096];
  for (;;) {
    const auto count = ::read(log, chunk, sizeof chunk);
    INFO(text);
    if (count <= 0) FAIL("sluiced ended before it served");
    text.append(chunk, static_cast<std::size_t>(count));
    const auto line = text.find("serving node_id=");
    const auto at = text.find("127.0.0.1:", line == text.npos ? text.size() : line);
    if (at == text.npos || text.find('\n', at) == text.npos) continue;
    return static_cast<std::uint16_t>(std::stoi(text.substr(at + 10)));
  }
}

}  // namespace

ChildBroker::ChildBroker(const std::string& data_directory) {
  std::vector<std::string> words{SLUICED};
  for (const auto& setting : settings_for(data_directory, {})) {
    words.emplace_back("--set");
    words.push_back(setting);
  }
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  log_ = ends[0];
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  REQUIRE(pid_ > 0);
  port_ = serving_port(log_);
}

int ChildBroker::end(int signal) {
  if (pid_ <= 0) return -1;
  ::kill(pid_, signal);
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  ::close(log_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ChildBroker::kill() { end(SIGKILL); }
int ChildBroker::terminate() { return end(SIGTERM); }

client::WireConnection ChildBroker::connect() const {
  auto connection = client::WireConnection::open("127.0.0.1", port_);
  REQUIRE(connection.has_value());
  return std::move(*connection);
}

}  // namespace sluice::test
