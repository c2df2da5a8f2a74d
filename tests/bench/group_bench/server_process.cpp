#include "tests/bench/group_bench/server_process.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>

namespace sluice::bench {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string directory_of(int pid) { return "/proc/" + std::to_string(pid); }

}  // namespace

double ServerProcess::cpu_seconds() const {
  if (pid_ == 0) return 0;
  const auto stat = read_file(directory_of(pid_) + "/stat");
  std::istringstream fields{stat.substr(stat.rfind(')') + 1)};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // see proc(5): what follows are utime and stime
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double ServerProcess::resident_bytes() const {
  if (pid_ == 0) return 0;
  std::istringstream fields{read_file(directory_of(pid_) + "/statm")};
  double size = 0;
  double resident = 0;
  fields >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

bool ServerProcess::is_java() const { return pid_ != 0 && read_file(directory_of(pid_) + "/comm") == "java\n"; }

double ServerProcess::held_bytes() const {
  if (!is_java()) return resident_bytes();
  const auto command = "jcmd " + std::to_string(pid_) + " GC.class_histogram";  // collects first
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
  if (!pipe) return 0;
  char line[4096];
  double instances = 0;
  double bytes = 0;
  while (std::fgets(line, sizeof line, pipe.get()) != nullptr) {
    std::sscanf(line, "Total %lf %lf", &instances, &bytes);
  }
  return bytes;
}

}  // namespace sluice::bench
