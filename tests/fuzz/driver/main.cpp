// Runs the target it is linked with. Stands in for libFuzzer, which gcc does not have.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/fuzz/driver/worker.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace sluice::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr auto kUsage = R"(usage: %s [--iterations N] [--seconds S] [--seed N] [--jobs N] [--output DIR] | FILE...

  --iterations N   inputs to try, all jobs together (default 1000000)
  --seconds S      stop after so long, whatever was done
  --seed N         the same seed tries the same inputs (default: SLUICE_SEED, else the time)
  --jobs N         processes, with seeds N, N+1, ... (default 1)
  --output DIR     where an input that fails is written (default .)
  FILE...          replays these inputs instead
)";

struct Options {
  Run run;
  std::uint64_t jobs = 1;
  std::string output = ".";
  std::vector<std::string> files;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint64_t default_seed() {
  if (const char* given = std::getenv("SLUICE_SEED")) {
    if (const auto seed = parse_number(given)) return *seed;
  }
  return static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() / 1s);
}

bool set_number(Options& options, std::string_view name, std::uint64_t value) {
  if (name == "--iterations") return options.run.iterations = value, true;
  if (name == "--seed") return options.run.seed = value, true;
  if (name == "--seconds") return options.run.time = std::chrono::seconds{value}, true;
  if (name == "--jobs" && value > 0) return options.jobs = value, true;
  return false;
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  options.run.seed = default_seed();
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--")) {
      options.files.emplace_back(name);
      continue;
    }
    if (++i == argc) return std::nullopt;
    if (name == "--output") {
      options.output = argv[i];
    } else if (const auto value = parse_number(argv[i]); !value || !set_number(options, name, *value)) {
      return std::nullopt;
    }
  }
  return options;
}

int replay(const std::vector<std::string>& files) {
  for (const auto& path : files) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return std::fprintf(stderr, "cannot read %s\n", path.c_str()), 2;
    const std::vector<char> content{std::istreambuf_iterator<char>{in}, {}};
    std::printf("%s: %zu bytes\n", path.c_str(), content.size());
    std::fflush(stdout);
    const std::unique_ptr<std::uint8_t[]> exact{new std::uint8_t[content.size()]};
    std::copy(content.begin(), content.end(), exact.get());
    LLVMFuzzerTestOneInput(exact.get(), content.size());
  }
  return 0;
}

void save_failure(const Options& options, const char* program, const Worker& worker, Worker::State state) {
  const auto* slash = std::strrchr(program, '/');
  const auto path = options.output + "/" + (slash ? slash + 1 : program) +
                    (state == Worker::State::hung ? ".hung." : ".failed.") + std::to_string(worker.seed()) + "." +
                    std::to_string(worker.done());
  const auto input = as_text(worker.input());
  std::ofstream{path, std::ios::binary}.write(input.data(), static_cast<std::streamsize>(input.size()));
  std::fprintf(stderr, "%s at input %llu of seed %llu, %zu bytes; replay it: %s %s\n",
               state == Worker::State::hung ? "hung" : "failed", static_cast<unsigned long long>(worker.done()),
               static_cast<unsigned long long>(worker.seed()), input.size(), program, path.c_str());
}

void print_progress(const std::vector<std::unique_ptr<Worker>>& workers,
                    std::chrono::steady_clock::time_point started) {
  std::uint64_t done = 0;
  std::size_t largest = 0;
  unsigned closest = 0;
  for (const auto& worker : workers) {
    done += worker->done();
    largest = std::max(largest, worker->largest_allocation());
    closest = std::max(closest, worker->closest_to_limit_percent());
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  std::printf("%llu inputs in %.0f s, %.0f a second; largest allocation %zu bytes, at most %u %% of its limit\n",
              static_cast<unsigned long long>(done), elapsed.count(),
              static_cast<double>(done) / std::max(elapsed.count(), 0.001), largest, closest);
  std::fflush(stdout);
}

std::vector<std::unique_ptr<Worker>> start_workers(const Options& options) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint64_t job = 0; job < options.jobs; ++job) {
    auto run = options.run;
    run.seed += job;
    run.iterations = options.run.iterations / options.jobs + (job < options.run.iterations % options.jobs ? 1 : 0);
    workers.push_back(std::make_unique<Worker>(run));
  }
  return workers;
}

int run(const Options& options, const char* program) {
  std::printf("seed %llu, %llu job(s)\n", static_cast<unsigned long long>(options.run.seed),
              static_cast<unsigned long long>(options.jobs));
  const auto started = std::chrono::steady_clock::now();
  auto reported = started;
  const auto workers = start_workers(options);
  for (bool running = true; running;) {
    std::this_thread::sleep_for(20ms);
    running = false;
    for (const auto& worker : workers) {
      const auto state = worker->look(30s);
      running |= state == Worker::State::running;
      if (state != Worker::State::failed && state != Worker::State::hung) continue;
      save_failure(options, program, *worker, state);
      return 1;
    }
    if (running && std::chrono::steady_clock::now() - reported >= 10s) {
      print_progress(workers, started);
      reported = std::chrono::steady_clock::now();
    }
  }
  print_progress(workers, started);
  return 0;
}

}  // namespace
}  // namespace sluice::fuzz

#ifdef __SANITIZE_ADDRESS__
// Millions of small allocations: a long quarantine only evicts the caches.
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=8:malloc_context_size=8"; }
#endif

int main(int argc, char** argv) {
  const auto options = sluice::fuzz::parse_options(argc, argv);
  if (!options) return std::fprintf(stderr, sluice::fuzz::kUsage, argv[0]), 2;
  return options->files.empty() ? sluice::fuzz::run(*options, argv[0]) : sluice::fuzz::replay(options->files);
}
