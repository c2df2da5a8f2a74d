// The small files of a data directory: a byte that chooses which, then its content. What is read must be the same when
// it is written and read again.

#include <string>

#include "protocol/base/crc32c.hpp"
#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/checkpoint/clean_shutdown.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/checkpoint/meta_properties.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "storage/producer/producer_snapshot.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kKinds = 7;
const std::string kPath = "/file";

void put(storage::FileSystem& fs, const std::string& path, ByteView content) {
  auto file = fs.open(path, storage::OpenMode::create);
  FUZZ_EXPECT(file.has_value());
  FUZZ_EXPECT((*file)->truncate(0).has_value());
  FUZZ_EXPECT((*file)->write_at(0, content).has_value());
}

void check_offsets(storage::FileSystem& fs) {
  const auto read = storage::read_offset_checkpoint(fs, kPath);
  if (!read) return;
  FUZZ_EXPECT(storage::write_offset_checkpoint(fs, kPath, *read).has_value());
  FUZZ_EXPECT(*storage::read_offset_checkpoint(fs, kPath) == *read);
}

void check_epochs(storage::FileSystem& fs) {
  const auto read = storage::read_leader_epoch_checkpoint(fs, kPath);
  if (!read) return;
  const storage::LeaderEpochCache cache{*read};
  for (std::size_t i = 1; i < cache.entries().size(); ++i) {
    FUZZ_EXPECT(cache.entries()[i - 1].leader_epoch < cache.entries()[i].leader_epoch);
    FUZZ_EXPECT(cache.entries()[i - 1].start_offset < cache.entries()[i].start_offset);
  }
  FUZZ_EXPECT(storage::write_leader_epoch_checkpoint(fs, kPath, *read).has_value());
  FUZZ_EXPECT(*storage::read_leader_epoch_checkpoint(fs, kPath) == *read);
}

void check_partition_metadata(storage::FileSystem& fs) {
  const auto read = storage::read_partition_metadata(fs, kPath);
  if (!read) return;
  FUZZ_EXPECT(storage::write_partition_metadata(fs, kPath, *read).has_value());
  FUZZ_EXPECT(storage::read_partition_metadata(fs, kPath)->topic_id == read->topic_id);
}

void check_meta_properties(storage::FileSystem& fs) {
  const auto read = storage::read_meta_properties(fs, kPath);
  if (!read) return;
  FUZZ_EXPECT(storage::write_meta_properties(fs, kPath, *read).has_value());
  FUZZ_EXPECT(*storage::read_meta_properties(fs, kPath) == *read);
}

void check_properties(std::string_view text) {
  const auto read = storage::parse_properties(text);
  if (!read) return;
  for (const auto& [name, value] : *read) {
    const auto again = storage::parse_properties("a=" + storage::escape_property_value(value));
    FUZZ_EXPECT(again.has_value() && again->at("a") == value);
  }
}

void check_snapshot(ByteView content) {
  const auto read = storage::decode_producer_snapshot(content);
  if (!read) return;
  const auto written = storage::encode_producer_snapshot(*read);
  const auto again = storage::decode_producer_snapshot(written);
  FUZZ_EXPECT(again.has_value() && again->producers().size() == read->producers().size());
}

std::string some_checkpoint(bool offsets, RandomBytes& random) {
  std::vector<std::string> lines;
  for (auto left = random.below(4); left > 0; --left) {
    const auto number = std::to_string(random.extreme() >> 1);
    lines.push_back(offsets ? "topic-" + std::to_string(left) + " 0 " + number : std::to_string(left) + " " + number);
  }
  return storage::format_checkpoint(lines);
}

Bytes some_snapshot(RandomBytes& random) {
  storage::ProducerState state;
  for (auto left = random.below(4); left > 0; --left) {
    storage::ProducerEntry entry;
    entry.epoch = ProducerEpoch{static_cast<std::int16_t>(random.below(100))};
    entry.add({.last_sequence = static_cast<std::int32_t>(random.below(100)), .last_offset = Offset{200}});
    state.restore(ProducerId{static_cast<std::int64_t>(random.extreme() >> 1)}, entry);
  }
  return storage::encode_producer_snapshot(state);
}

// The CRC is mended: without, hardly any change of a snapshot would come any further.
void seal_snapshot(Bytes& content) {
  constexpr std::size_t kCrcAt = 2;
  constexpr std::size_t kCheckedAt = 6;
  if (content.size() > kCheckedAt) store_be(content.data() + kCrcAt, crc32c(ByteView{content}.subspan(kCheckedAt)));
}

std::string some_text(std::uint64_t kind, RandomBytes& random) {
  switch (kind) {
    case 0: return some_checkpoint(true, random);
    case 1: return some_checkpoint(false, random);
    case 2: return "version: 0\ntopic_id: ZAmgD_SuT3yLRtkBXB9Qcw";
    case 3: return "#\nversion=1\ncluster.id=c\nnode.id=1\ndirectory.id=ZAmgD_SuT3yLRtkBXB9Qcw\n";
    case 4: return "! note\na = b \\\n  c\n\\u00e9:\\t\\n\nd e\nx\\=y=z\n";
    default: return R"({"version":0,"brokerEpoch":7})";
  }
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  const auto kind = random.below(kKinds);
  Bytes input{static_cast<std::byte>(kind)};
  if (kind == kKinds - 1) {
    const auto snapshot = some_snapshot(random);
    input.insert(input.end(), snapshot.begin(), snapshot.end());
    return input;
  }
  const auto text = some_text(kind, random);
  const auto bytes = as_byte_view(text);
  input.insert(input.end(), bytes.begin(), bytes.end());
  return input;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  if (size == 0) return 0;
  const auto content = std::as_bytes(std::span{data, size}).subspan(1);
  const AllocationLimit limit{justified_by(size)};
  const auto kind = data[0] % kKinds;
  if (kind == 4) return check_properties(as_text(content)), 0;
  if (kind == kKinds - 1) {
    Bytes sealed(content.begin(), content.end());
    check_snapshot(sealed);
    seal_snapshot(sealed);
    check_snapshot(sealed);
    return 0;
  }
  storage::MemoryFileSystem fs{std::uint64_t{1} << 20};
  put(fs, kind == 5 ? "/" + std::string{storage::kCleanShutdownFile} : kPath, content);
  switch (kind) {
    case 0: check_offsets(fs); break;
    case 1: check_epochs(fs); break;
    case 2: check_partition_metadata(fs); break;
    case 3: check_meta_properties(fs); break;
    default: FUZZ_EXPECT(storage::read_clean_shutdown(fs, "/").has_value());
  }
  return 0;
}
