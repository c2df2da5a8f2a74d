#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// What a checker looks at: one partition of one life of a topic, as text.
using Key = std::string;
/// Every record that is ever sent has a value of its own.
using Value = std::int64_t;

enum class Outcome : std::uint8_t {
  ok,       ///< acknowledged
  failed,   ///< refused for good: it is nowhere
  unknown,  ///< nobody knows
};

/// One record that somebody wanted written.
struct Send {
  int client = 0;
  std::int64_t order = 0;  ///< of this client: ascending as they were meant
  Key key{};
  Value value = 0;
  Outcome outcome = Outcome::unknown;
  Offset offset = kNoOffset;  ///< if acknowledged, and told
  Instant done{0};
};

/// What one poll of a consumer gave, ascending.
struct Polled {
  Offset offset{};
  Value value = 0;
};
struct Poll {
  int client = 0;
  std::int64_t assignment = 0;  ///< grows when the client begins anew somewhere
  Key key{};
  std::vector<Polled> records{};
  Instant done{0};
};

/// What is promised of a key, by how it is written.
struct Promises {
  bool exactly_once = false;  ///< idempotent producers alone write it
  bool may_lose = false;      ///< acks=1, or unclean elections: acknowledged is not kept for good
};

/// What clients asked for and what they were told, as a list of events.
struct History {
  std::vector<Send> sends;
  std::vector<Poll> polls;
  /// After everything had settled, each key was read from its beginning to its end.
  std::vector<Poll> final_polls;
};

enum class Anomaly : std::uint8_t {
  inconsistent_offset,  ///< one offset, two values
  duplicate,            ///< one value, two offsets
  lost_write,           ///< acknowledged, below the highest polled offset, and polled by nobody
  unseen,               ///< acknowledged and not polled at the end
  failed_read,          ///< polled, though its sender was told that it was not written (G1a)
  phantom,              ///< polled, though nobody sent it, or not there
  poll_skip,            ///< between two polls of one assignment a record is left out
  nonmonotonic_poll,    ///< a poll goes back
  nonmonotonic_send,    ///< of one producer: in another order than sent
};
const char* name_of(Anomaly anomaly);

struct Finding {
  Anomaly anomaly{};
  Key key{};
  std::string detail{};
};
std::ostream& operator<<(std::ostream& out, const Finding& finding);

}  // namespace sluice::sim
