#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <optional>
#include <random>

#include "tests/support/log_harness.hpp"
#include "tests/unit/storage/log/log_model.hpp"

namespace sluice::storage {

/// A random program against a list in memory: appends, reads, transactions, rolls, truncations, retention, crashes,
/// reopenings. The machine may stop at a chosen call to the file system: then the program goes on with what is left.
class LogProgram {
 public:
  struct Stop {
    std::uint64_t call;  ///< fails, and so do all that follow; 1 is the first
    CrashPolicy policy;
  };

  /// With `stop`, calls do not fail but for that: the same seed makes the same calls up to there.
  explicit LogProgram(std::uint64_t seed, std::optional<Stop> stop = std::nullopt);

  void run(int steps, bool faults = true);
  std::uint64_t calls() const { return h_.fs.calls(); }

 private:
  struct PowerFailure {};  // the machine stopped in the middle of a step
  struct Producer {
    ProducerId id;
    std::int32_t next_sequence = 0;
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  Offset pick_offset(Offset from, Offset to) {
    return from + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(to - from) + 1));
  }
  Offset pick_offset() { return pick_offset(model_.start, model_.end); }

  bool has_stopped() const { return stop_ && h_.fs.calls() >= stop_->call; }
  template <class T>
  T must(Result<T> result) {
    if (result) return std::move(*result);
    if (has_stopped()) throw PowerFailure{};
    CAPTURE(result.error().message());
    REQUIRE(result.has_value());
    throw PowerFailure{};
  }
  void must(const Result<>& result) {
    if (result) return;
    if (has_stopped()) throw PowerFailure{};
    CAPTURE(result.error().message());
    REQUIRE(result.has_value());
  }

  void step();
  test::Bytes some_batch(bool with_producer);
  test::Bytes some_marker(const std::vector<ProducerId>& open, bool& committed);
  void append();
  void take(test::Bytes bytes, bool committed);
  void repeat(test::Bytes bytes, const Appended& original);
  void append_as_follower();
  void end_transaction();
  void read();
  void fail_a_write();
  void roll();
  void sync();
  void truncate();
  void restart();
  void advance_start();
  void apply_retention();
  void reopen();
  void crash();
  void bring_up(LogOpening opening);
  void come_back();
  void take_over(Offset lower);
  void forget_sequences();
  void next_leader() { leader_epoch_ = LeaderEpoch{leader_epoch_.value() + 1}; }

  void check_bounds();
  void check_everything();
  void check_epochs();
  void check_timestamps();
  void check_transactions();
  void check_aborted(Offset from, Offset to);
  test::Bytes read_all();

  std::mt19937_64 random_;
  std::optional<Stop> stop_;
  bool faults_ = true;
  test::LogHarness h_;
  LogModel model_;
  Offset high_watermark_{0};
  LeaderEpoch leader_epoch_{0};
  // Of the step that is under way: a log that is cut may be found cut to anywhere from there on, or begun anew.
  std::optional<Offset> cutting_to_;
  std::optional<Offset> restarting_at_;
  std::array<Producer, 3> producers_{{{ProducerId{0}}, {ProducerId{1}}, {ProducerId{2}}}};
  std::int64_t next_producer_id_ = 3;
};

}  // namespace sluice::storage
