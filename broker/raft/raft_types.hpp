#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "broker/raft/configuration.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::raft {

using Term = Position<struct TermTag, std::int64_t>;          ///< 0: before the first election
using LogIndex = Position<struct LogIndexTag, std::int64_t>;  ///< the first entry has 1; 0: before it

inline constexpr Term kNoTerm{0};
inline constexpr LogIndex kNoIndex{0};

using Instant = std::chrono::nanoseconds;  ///< since whatever moment; never goes back
using Duration = std::chrono::nanoseconds;

/// What the core is told of the time: of the day for what is stored, and steady for everything it decides.
struct Now {
  Timestamp wall{0};
  Instant steady{0};
};

enum class EntryType : std::uint8_t {
  command = 0,        ///< `data` is the state machine's
  configuration = 1,  ///< `configuration` holds from here on
  leader_change = 2,  ///< first entry of a term: lets its leader commit what it inherited (thesis 6.4)
};

struct Entry {
  LogIndex index;
  Term term;
  EntryType type = EntryType::command;
  Timestamp timestamp{0};  ///< of the leader that made it; informs, decides nothing
  std::string data;
  Configuration configuration;  ///< of type configuration only
  std::uint32_t checksum = 0;   ///< CRC-32C of all the rest, see checksum_of

  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Over every other field, whatever the encoding on disk or wire is.
std::uint32_t checksum_of(const Entry& entry);

/// What an entry counts for against limits in bytes: its data and an allowance for the rest.
std::size_t size_of(const Entry& entry) noexcept;

/// What a server must never forget (Raft figure 3.1): its term, and whom it voted for in it.
struct HardState {
  Term term;
  std::optional<ReplicaKey> vote{};
  friend bool operator==(const HardState&, const HardState&) = default;
};

/// A snapshot, named by everything that tells its bytes from others': the transfer of one may go on from another leader
/// that has the same.
struct SnapshotMeta {
  LogIndex index;                  ///< last entry it covers; 0: none
  Term term;                       ///< of that entry
  Configuration configuration;     ///< as of that entry
  LogIndex configuration_index{};  ///< where that configuration was written; 0: it is the one of the start
  std::int64_t bytes = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C of its bytes
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

enum class Role : std::uint8_t {
  learner,        ///< not a voter: follows the log, never asks for votes
  follower,       ///< a voter that follows
  pre_candidate,  ///< asks whether it could win, without a new term (thesis 9.6)
  candidate,      ///< asks for votes in a term of its own
  leader,
};
std::ostream& operator<<(std::ostream& out, Role role);

}  // namespace sluice::broker::raft
