#include "tests/sim/world/trace.hpp"

#include <cstdlib>
#include <iomanip>
#include <iostream>

namespace sluice::sim {
namespace {

std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {
  digest ^= value + 0x9e3779b97f4a7c15ULL + (digest << 6) + (digest >> 2);
  return digest * 0xff51afd7ed558ccdULL;
}

}  // namespace

Trace::Trace(const Scheduler& clock) : clock_(clock), aloud_(number_from_environment("SLUICE_SIM_LOG", 0) != 0) {}

void Trace::note(const char* what, std::int64_t node, std::int64_t a, std::int64_t b, std::int64_t c) {
  const Note note{.at = clock_.now(), .what = what, .node = node, .values = {a, b, c}};
  digest(note);
  keep(note);
}

void Trace::count(const char* what, std::int64_t node, std::int64_t a, std::int64_t b, std::int64_t c) {
  const Note note{.at = clock_.now(), .what = what, .node = node, .values = {a, b, c}};
  digest(note);
  if (aloud_) print(std::cerr, note);
}

void Trace::digest(const Note& note) {
  digest_ = mix(digest_, static_cast<std::uint64_t>(note.at.count()));
  digest_ = mix(digest_, static_cast<std::uint64_t>(note.node));
  for (const auto value : note.values) digest_ = mix(digest_, static_cast<std::uint64_t>(value));
}

void Trace::tell(std::int64_t node, const std::string& words) {
  keep({.at = clock_.now(), .what = "", .node = node, .values = {}, .words = words});
}

void Trace::keep(Note note) {
  if (aloud_) print(std::cerr, note);
  notes_[next_++ % kKept] = std::move(note);
}

void Trace::print(std::ostream& out, const Note& note) {
  out << std::fixed << std::setprecision(6) << static_cast<double>(note.at.count()) / 1e9 << " node " << note.node
      << ' ' << note.what << note.words;
  for (const auto value : note.values) {
    if (note.words.empty()) out << ' ' << value;
  }
  out << '\n';
}

std::string Trace::last_events() const {
  std::ostringstream out;
  for (std::size_t i = next_ > kKept ? next_ - kKept : 0; i < next_; ++i) print(out, notes_[i % kKept]);
  return out.str();
}

std::int64_t number_from_environment(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoll(text, nullptr, 0);
}

}  // namespace sluice::sim
