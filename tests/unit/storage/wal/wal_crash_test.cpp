#include "tests/unit/storage/wal/wal_harness.hpp"

// One program, stopped at each of its calls to the disk in turn.

namespace sluice::storage::wal {
namespace {

std::string payload_of(std::uint64_t table, std::uint64_t sequence) {
  return std::to_string(table) + ' ' + std::to_string(sequence) + std::string(400, '.');
}

/// What was acknowledged of each table before the disk stopped.
struct Acknowledged {
  std::map<std::uint64_t, std::uint64_t> written;
  std::map<std::uint64_t, std::uint64_t> durable;
  std::map<std::uint64_t, std::uint64_t> deleted;

  // A sync covers all that lies in the same log.
  void synced(Layout layout, std::uint64_t table) {
    if (layout == Layout::shared)
      durable = written;
    else
      durable[table] = written[table];
  }
};

// Writes to two tables through several files, marks, gives space back. Stops at the first error.
Acknowledged run(WalHarness& h) {
  Acknowledged acknowledged;
  if (!h.try_open()) return acknowledged;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto table = 1 + i % 2;
    const auto durability = i % 4 == 0 ? Durability::synced : Durability::buffered;
    const auto text = payload_of(table, acknowledged.written[table] + 1);
    if (!h.wal->write_one(unit(table), as_byte_view(text), durability)) return acknowledged;
    ++acknowledged.written[table];
    if (durability == Durability::synced) acknowledged.synced(h.options.layout, table);
    if (i % 20 != 19) continue;
    for (const std::uint64_t marked : {1U, 2U}) {
      const auto up_to = acknowledged.written[marked] - (i == 39 ? 0 : 3);
      if (!h.wal->mark_deleted(unit(marked), Sequence{up_to})) return acknowledged;
      acknowledged.deleted[marked] = up_to;
      acknowledged.synced(h.options.layout, marked);
    }
    if (!h.wal->reclaim()) return acknowledged;
  }
  if (h.wal->close()) acknowledged.durable = acknowledged.written;
  return acknowledged;
}

void check(WalHarness& h, Acknowledged& acknowledged) {
  for (const std::uint64_t table : {1U, 2U}) {
    const auto next = h.wal->next_sequence(unit(table)).value();
    REQUIRE(next > acknowledged.durable[table]);
    REQUIRE(next <= acknowledged.written[table] + 2);  // the one that failed may be there
    const auto found = drain(h.wal->read(unit(table)));
    const auto first = found.empty() ? next : found.front().sequence;
    REQUIRE(found.size() == next - first);
    REQUIRE(first > acknowledged.deleted[table]);
    for (std::size_t i = 0; i < found.size(); ++i)
      REQUIRE(found[i] == Read{unit(table), first + i, payload_of(table, first + i)});
  }
}

TEST_CASE("whichever call to the disk is the last before a crash, what was acknowledged is there", "[wal]") {
  const auto policy = GENERATE(CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random);
  const auto layout = GENERATE(Layout::shared, Layout::per_table);
  bool ended = false;
  for (std::uint64_t call = 1; !ended; ++call) {
    CAPTURE(call);
    WalHarness h;
    h.options.layout = layout;
    const auto last = h.fs.calls() + call;
    h.fs.fail_from(last, EIO);
    auto acknowledged = run(h);
    ended = h.fs.calls() < last;
    h.fs.clear_faults();
    h.crash(policy, call);
    check(h, acknowledged);
    h.write(unit(1), "goes on");
  }
}

}  // namespace
}  // namespace sluice::storage::wal
