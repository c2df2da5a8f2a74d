#include "tests/unit/broker/group/simulation/world.hpp"

#include <cstdio>
#include <cstdlib>

namespace sluice::test::sim {
namespace {

constexpr std::size_t kLinesKept = 300;

/// SLUICE_TRACE: every line is printed as it comes, for runs that end in an assertion.
bool prints_all() {
  static const bool wanted = std::getenv("SLUICE_TRACE") != nullptr;
  return wanted;
}

}  // namespace

void Trace::add(Time now, std::string_view line) {
  const auto hash_byte = [&](std::uint64_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3U; };
  hash_byte(static_cast<std::uint64_t>(now.count()));
  for (const char c : line) hash_byte(static_cast<unsigned char>(c));
  ++size_;
  auto text = fmt::format("{:>8} {}", now.count(), line);
  if (prints_all()) std::fprintf(stderr, "%s\n", text.c_str());
  lines_.push_back(std::move(text));
  if (lines_.size() > kLinesKept) lines_.pop_front();
}

std::string Trace::last_lines() const {
  std::string all;
  for (const auto& line : lines_) all += line + '\n';
  return all;
}

void World::after(Time delay, std::function<void()> action) {
  actions_.push({now_ + delay, next_number_++, std::move(action)});
}

void World::run_until(Time until) {
  while (!actions_.empty() && actions_.top().due <= until) {
    auto action = actions_.top().run;
    now_ = actions_.top().due;
    actions_.pop();
    action();
    for (const auto& check : checks_) check();
  }
  now_ = until;
}

}  // namespace sluice::test::sim
