// A partition's directory made of anything: a byte of choices, two of the recovery point, then files, each one a byte
// for its kind, one for its base offset, u16 length, content. Opening, reading, writing and opening again must work or
// fail with an error. What a scan lets through is sound.

#include <array>
#include <string>

#include "protocol/record/batch_view.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/segment_name.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/targets/random_batch.hpp"

namespace sluice::fuzz {
namespace {

constexpr Timestamp kNow{1'700'000'000'000};
constexpr std::string_view kDirectory = "/t-0";
constexpr std::size_t kFilesMax = 12;
constexpr std::size_t kFindsMax = 10'000;
constexpr std::size_t kReaderBytes = std::size_t{1} << 20;  // of the readers' own buffers
const storage::LogOptions kOptions{.segment_bytes = 4096, .index_interval_bytes = 64, .segment_index_bytes = 240};

/// Takes integers and bytes off the front of the input; zeros at its end.
class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  bool empty() const noexcept { return rest_.empty(); }
  std::uint8_t byte() { return rest_.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(take(1)[0]); }
  std::uint16_t two_bytes() {
    const unsigned high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  ByteView take(std::size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  ByteView rest_;
};

constexpr std::array kSuffixes{storage::suffix::kLog, storage::suffix::kOffsetIndex, storage::suffix::kTimeIndex,
                               storage::suffix::kProducerSnapshot, storage::suffix::kTransactionIndex};
constexpr std::size_t kEpochsKind = kSuffixes.size();
constexpr std::size_t kKinds = kEpochsKind + 1;

std::string path_of(std::size_t kind, std::int64_t base_offset) {
  if (kind == kEpochsKind) return storage::join_path(kDirectory, storage::kLeaderEpochCheckpoint);
  return storage::segment_path(kDirectory, Offset{base_offset}, kSuffixes[kind]);
}

void write_files(storage::MemoryFileSystem& fs, Input& input) {
  for (std::size_t files = 0; files < kFilesMax && !input.empty(); ++files) {
    const auto kind = input.byte() % kKinds;
    const auto base_offset = input.byte();
    const auto size = input.two_bytes();
    auto file = fs.open(path_of(kind, base_offset), storage::OpenMode::create);
    FUZZ_EXPECT(file.has_value());
    FUZZ_EXPECT((*file)->write_at(0, input.take(size)).has_value());
  }
}

/// Where reading goes on behind the damage that holds `offset`; nullopt when none does.
std::optional<Offset> past_damage(const storage::Log& log, Offset offset) {
  for (const auto& range : log.damage()) {
    if (range.holds(offset)) return range.next_offset;
  }
  return std::nullopt;
}

void read_all(const storage::Log& log, bool scanned) {
  std::size_t found_damaged = 0;
  auto from = log.log_start_offset();
  while (from < log.log_end_offset()) {
    const auto slice = log.read(from, 512, log.log_end_offset(), true);
    if (!slice) {
      const auto behind = past_damage(log, from);
      if (!behind) return;
      from = *behind;
      continue;
    }
    if (slice->empty()) return;
    FUZZ_EXPECT(slice->next_offset > from);
    const auto verified = log.verify(*slice);
    // Nothing is served that was scanned and did not hold, so nothing is found later.
    FUZZ_EXPECT(!scanned || verified.has_value());
    if (!verified) {
      FUZZ_EXPECT(++found_damaged < kFindsMax);  // each time something more is known, or a reader would spin
      continue;
    }
    Bytes bytes(slice->size);
    if (!slice->read(bytes)) return;
    record::BatchWalker walker{bytes};
    while (const auto batch = walker.next()) FUZZ_EXPECT(batch->crc_matches());
    FUZZ_EXPECT(walker.rest().empty());
    from = slice->next_offset;
  }
}

void look_up(const storage::Log& log) {
  static_cast<void>(log.find_timestamp(kNow));
  static_cast<void>(log.find_timestamp(Timestamp{0}));
  static_cast<void>(log.find_max_timestamp());
}

Result<storage::Appended> append(storage::Log& log) {
  RandomBytes random{7};
  Bytes bytes;
  append_batch(bytes, {}, random);
  return log.append(*record::MutableBatch::parse(bytes), LeaderEpoch{1 << 30}, kNow);
}

/// After a clean stop. Where everything was scanned, the log is as it was left.
void check_reopened(storage::LogResources& resources, storage::LogOpening opening, Offset start, Offset end,
                    bool scanned) {
  opening.clean_shutdown = true;
  opening.log_start_offset = start;
  opening.recovery_point = end;
  const auto log = storage::Log::open(resources, std::string{kDirectory}, kOptions, opening);
  FUZZ_EXPECT(!scanned || log.has_value());
  if (!log) return;
  FUZZ_EXPECT(!scanned || (*log)->log_end_offset() == end);
  read_all(**log, scanned);
}

void put_file(Bytes& input, std::size_t kind, std::uint8_t base_offset, ByteView content) {
  input.push_back(static_cast<std::byte>(kind));
  input.push_back(std::byte{base_offset});
  input.push_back(static_cast<std::byte>(content.size() >> 8));
  input.push_back(static_cast<std::byte>(content.size()));
  input.insert(input.end(), content.begin(), content.end());
}

void put_file_of_log(Bytes& input, storage::MemoryFileSystem& fs, const std::string& name) {
  const auto content = storage::read_file(fs, storage::join_path(kDirectory, name));
  FUZZ_EXPECT(content.has_value());
  if (name == storage::kLeaderEpochCheckpoint) return put_file(input, kEpochsKind, 0, as_byte_view(*content));
  for (std::size_t kind = 0; kind < kSuffixes.size(); ++kind) {
    const auto base_offset = storage::parse_segment_name(name, kSuffixes[kind]);
    if (base_offset) put_file(input, kind, static_cast<std::uint8_t>(base_offset->value()), as_byte_view(*content));
  }
}

/// What a log left that was written and closed.
void put_log(Bytes& input, RandomBytes& random) {
  storage::MemoryFileSystem fs{std::uint64_t{1} << 20};
  storage::LogResources resources{fs};
  FUZZ_EXPECT(fs.create_directories(std::string{kDirectory}).has_value());
  auto log = storage::Log::open(resources, std::string{kDirectory}, kOptions, {.now = kNow});
  FUZZ_EXPECT(log.has_value());
  for (auto batches = 1 + random.below(12); batches > 0; --batches) {
    Bytes bytes;
    append_batch(bytes, {}, random);
    const LeaderEpoch leader_epoch{random.one_in(4) ? 5 : 3};
    static_cast<void>(
        (*log)->append(*record::MutableBatch::parse(bytes), leader_epoch, kNow));  // or not the next sequence
    if (random.one_in(6)) FUZZ_EXPECT((*log)->roll(kNow).has_value());
  }
  FUZZ_EXPECT((*log)->close().has_value());
  const auto entries = fs.list(std::string{kDirectory});
  FUZZ_EXPECT(entries.has_value());
  for (const auto& entry : *entries) put_file_of_log(input, fs, entry.name);
}

/// One to three segments that follow each other, with other files that hold nothing sensible.
void put_segments(Bytes& input, RandomBytes& random) {
  Offset next{0};
  for (auto segments = 1 + random.below(3); segments > 0; --segments) {
    const auto base_offset = static_cast<std::uint8_t>(next.value());
    Bytes log;
    for (auto batches = random.below(5); batches > 0; --batches) {
      next = append_batch(log, {.base_offset = next, .partition_leader_epoch = LeaderEpoch{3}}, random);
    }
    put_file(input, 0, base_offset, log);
    for (std::size_t kind = 1; kind < kSuffixes.size(); ++kind) {
      if (!random.one_in(3)) continue;
      Bytes content;
      random.append_to(content, random.below(4) * (kind == 2 ? 12 : 8));
      put_file(input, kind, base_offset, content);
    }
  }
  if (random.one_in(2)) put_file(input, kEpochsKind, 0, as_byte_view("0\n2\n1 0\n3 4\n"));
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  Bytes input;
  random.append_to(input, 1);
  input.push_back(std::byte{0});
  input.push_back(static_cast<std::byte>(random.one_in(2) ? 0 : random.below(40)));
  if (random.one_in(3)) {
    put_segments(input, random);
  } else {
    put_log(input, random);
  }
  return input;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  Input input{std::as_bytes(std::span{data, size})};
  const auto choices = input.byte();
  storage::LogOpening opening{.now = kNow};
  opening.clean_shutdown = (choices & 1U) != 0;
  opening.recovery_point = Offset{input.two_bytes()};
  opening.log_start_offset = Offset{(choices & 2U) != 0 ? opening.recovery_point.value() / 2 : 0};

  const AllocationLimit limit{justified_by(size) + kReaderBytes};
  storage::MemoryFileSystem fs{std::uint64_t{1} << 20};
  storage::LogResources resources{fs};
  FUZZ_EXPECT(fs.create_directories(std::string{kDirectory}).has_value());
  write_files(fs, input);

  storage::RecoveryReport report;
  const auto log = storage::Log::open(resources, std::string{kDirectory}, kOptions, opening, &report);
  if (!log) return 0;
  FUZZ_EXPECT((*log)->log_start_offset() <= (*log)->log_end_offset());
  const bool scanned = report.scanned && opening.recovery_point == Offset{0};
  read_all(**log, scanned);
  look_up(**log);
  if ((choices & 4U) != 0) {
    const auto end = (*log)->log_end_offset();
    if (const auto appended = append(**log)) FUZZ_EXPECT(appended->base_offset == end);
  }
  if ((choices & 8U) != 0) static_cast<void>((*log)->truncate_to((*log)->log_start_offset() + 1));
  const auto start = (*log)->log_start_offset();
  const auto end = (*log)->log_end_offset();
  if ((*log)->close()) check_reopened(resources, opening, start, end, scanned);
  return 0;
}
