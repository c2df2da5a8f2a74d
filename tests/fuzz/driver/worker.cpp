#include "tests/fuzz/driver/worker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kPoolSize = 256;
constexpr std::uint64_t kIterationsPerNewInput = 8;  // making a sound input costs more than mutating one
constexpr std::uint64_t kUnchangedOneIn = 32;

/// Sound inputs to start from, replaced one by one. What iteration i gets depends on the seed and i alone.
class Pool {
 public:
  explicit Pool(std::uint64_t seed) : random_(seed) {
    for (auto& input : inputs_) input = make();
  }
  void advance(std::uint64_t iteration) {
    if (iteration % kIterationsPerNewInput == 0) inputs_[iteration / kIterationsPerNewInput % kPoolSize] = make();
  }
  const Bytes& pick(RandomBytes& random) const { return inputs_[random.below(kPoolSize)]; }

 private:
  Bytes make() {
    auto input = make_input(random_);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
    return input;
  }

  RandomBytes random_;
  std::vector<Bytes> inputs_{kPoolSize};
};

// In memory of exactly its size, so that a read past the end is one past the end of an allocation.
void run_target(const Bytes& input) {
  const auto size = input.size();
  auto* exact = static_cast<std::uint8_t*>(std::malloc(std::max<std::size_t>(size, 1)));
  if (size > 0) std::memcpy(exact, input.data(), size);
  LLVMFuzzerTestOneInput(exact, size);
  std::free(exact);
}

}  // namespace

Worker::Worker(const Run& run) : run_(run) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(2);
  }
  shared_ = new (memory) Shared;
  std::fflush(nullptr);
  process_ = ::fork();
  if (process_ == 0) work();
}

Worker::~Worker() {
  if (state_ == State::running) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::munmap(shared_, sizeof(Shared));
}

void Worker::work() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto started = std::chrono::steady_clock::now();
  Pool pool{run_.seed};
  RandomBytes seeds{~run_.seed};
  Bytes input;
  for (std::uint64_t iteration = 0; iteration < run_.iterations; ++iteration) {
    if (run_.time && iteration % 64 == 0 && std::chrono::steady_clock::now() - started >= *run_.time) break;
    pool.advance(iteration);
    RandomBytes random{seeds.next()};
    input = pool.pick(random);
    if (!random.one_in(kUnchangedOneIn)) mutate(input, pool.pick(random), random);
    shared_->size = input.size();
    std::copy(input.begin(), input.end(), shared_->input.begin());
    run_target(input);
    shared_->largest_allocation = fuzz::largest_allocation();
    shared_->closest_to_limit_percent = fuzz::closest_to_limit_percent();
    shared_->done.store(iteration + 1, std::memory_order_relaxed);
  }
  std::exit(0);  // and look for leaks
}

Worker::State Worker::look(std::chrono::seconds hang) {
  if (state_ != State::running) return state_;
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) == process_) {
    state_ = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? State::finished : State::failed;
    return state_;
  }
  const auto now = std::chrono::steady_clock::now();
  if (done() != seen_done_) {
    seen_done_ = done();
    moved_ = now;
  } else if (now - moved_ >= hang) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    state_ = State::hung;
  }
  return state_;
}

}  // namespace sluice::fuzz
