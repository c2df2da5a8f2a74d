#include "broker/raft/log_seal_driver.hpp"

#include "protocol/base/bytes.hpp"
#include "protocol/base/crc32c.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::string_view kFile = "closed-at";
constexpr std::size_t kLastAt = 4;
constexpr std::size_t kTermAt = 12;
constexpr std::size_t kSizesAt = 20;
constexpr std::size_t kSize = kSizesAt + 3 * sizeof(std::uint64_t);

using Content = std::array<std::byte, kSize>;

Content encode(const LogSeal& seal) {
  Content content{};
  store_be(content.data() + kLastAt, seal.last.value());
  store_be(content.data() + kTermAt, seal.term.value());
  for (std::size_t i = 0; i < seal.sizes.size(); ++i) {
    store_be(content.data() + kSizesAt + i * sizeof(std::uint64_t), seal.sizes[i]);
  }
  store_be(content.data(), crc32c(ByteView{content}.subspan(kLastAt)));
  return content;
}

std::optional<LogSeal> decode(ByteView content) {
  if (content.size() != kSize || load_be<std::uint32_t>(content.data()) != crc32c(content.subspan(kLastAt))) {
    return std::nullopt;
  }
  LogSeal seal{.last = LogIndex{load_be<std::int64_t>(content.data() + kLastAt)},
               .term = Term{load_be<std::int64_t>(content.data() + kTermAt)}};
  for (std::size_t i = 0; i < seal.sizes.size(); ++i) {
    seal.sizes[i] = load_be<std::uint64_t>(content.data() + kSizesAt + i * sizeof(std::uint64_t));
  }
  return seal;
}

}  // namespace

std::optional<LogSeal> take_log_seal(storage::FileSystem& fs, const std::string& directory) {
  const auto path = storage::join_path(directory, kFile);
  const auto content = storage::read_file(fs, path);
  if (!content || !fs.remove(path)) return std::nullopt;  // one that stays may lie the next time
  return decode(as_byte_view(*content));
}

Result<> write_log_seal(storage::FileSystem& fs, const std::string& directory, const LogSeal& seal) {
  auto file = fs.open(storage::join_path(directory, kFile), storage::OpenMode::create);
  if (!file) return file.error();
  return (*file)->write_at(0, ByteView{encode(seal)});
}

Result<std::array<std::uint64_t, 3>> sizes_of_last_segment(storage::FileSystem& fs, const std::string& directory) {
  const auto entries = fs.list(directory);
  if (!entries) return entries.error();
  Offset last{-1};
  for (const auto& entry : *entries) {
    const auto base = storage::parse_segment_name(entry.name, storage::suffix::kLog);
    if (base) last = std::max(last, *base);
  }
  std::array<std::uint64_t, 3> sizes{};
  for (std::size_t i = 0;
       const auto suffix : {storage::suffix::kLog, storage::suffix::kOffsetIndex, storage::suffix::kTimeIndex}) {
    const auto file = fs.open(storage::segment_path(directory, last, suffix), storage::OpenMode::existing_read_only);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    sizes[i++] = *size;
  }
  return sizes;
}

}  // namespace sluice::broker::raft
