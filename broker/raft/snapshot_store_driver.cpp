#include "broker/raft/snapshot_store_driver.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/raft/raft_codec.hpp"
#include "protocol/base/crc32c.hpp"
#include "protocol/record/compression/codec.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::string_view kSnapshot = ".snapshot";
constexpr std::string_view kInstalling = ".installing";
constexpr std::string_view kDamaged = ".damaged";
constexpr std::string_view kTemporary = ".tmp";
constexpr std::string_view kIncoming = "incoming.part";

constexpr std::string_view kMagic = "SLSNAP01";
constexpr std::size_t kLengthAt = kMagic.size();
constexpr std::size_t kChecksumAt = kLengthAt + 4;
constexpr std::size_t kHeaderAt = kChecksumAt + 4;
constexpr std::uint32_t kHeaderBytesMax = 1U << 20;           // thousands of voters
constexpr std::size_t kStateBytesMax = std::size_t{4} << 30;  // of a state that is unpacked
constexpr int kLevel = 3;                                     // zstd's own default

std::error_code damaged() { return std::make_error_code(std::errc::bad_message); }

std::string make_header(const SnapshotMeta& meta) {
  const auto encoded = encode(meta);
  std::array<std::byte, kHeaderAt> head{};
  std::ranges::copy(as_byte_view(kMagic), head.begin());
  store_be(head.data() + kLengthAt, static_cast<std::uint32_t>(encoded.size()));
  store_be(head.data() + kChecksumAt, crc32c(as_byte_view(encoded)));
  return std::string{as_text(head)} + encoded;
}

struct Header {
  SnapshotMeta meta;
  std::uint64_t payload_at;
};

Result<std::string> read_exactly(const storage::File& file, std::uint64_t position, std::size_t bytes) {
  std::string content(bytes, '\0');
  const auto count = file.read_at(position, std::as_writable_bytes(std::span{content}));
  if (!count) return count.error();
  if (*count != bytes) return damaged();
  return content;
}

Result<Header> read_header(const storage::File& file) {
  const auto head = read_exactly(file, 0, kHeaderAt);
  if (!head) return head.error();
  const auto* bytes = as_byte_view(*head).data();
  const auto length = load_be<std::uint32_t>(bytes + kLengthAt);
  if (!head->starts_with(kMagic) || length > kHeaderBytesMax) return damaged();
  const auto encoded = read_exactly(file, kHeaderAt, length);
  if (!encoded) return encoded.error();
  if (crc32c(as_byte_view(*encoded)) != load_be<std::uint32_t>(bytes + kChecksumAt)) return damaged();
  auto meta = decode_snapshot_meta(as_byte_view(*encoded));
  if (!meta) return damaged();
  return Header{std::move(*meta), kHeaderAt + length};
}

Result<std::string> unpack(std::string_view packed) {
  const auto decoder = record::make_zstd_decoder();
  if (auto started = decoder->start(as_byte_view(packed), kStateBytesMax); !started) return started.error();
  std::string state;
  constexpr std::size_t kStep = 1U << 20;
  while (true) {
    const auto at = state.size();
    if (at > kStateBytesMax) return damaged();
    state.resize(at + kStep);
    const auto count = decoder->read(std::as_writable_bytes(std::span{state}).subspan(at));
    if (!count) return damaged();
    state.resize(at + *count);
    if (*count == 0) return state;
  }
}

}  // namespace

Result<SnapshotStore> SnapshotStore::open(storage::FileSystem& fs, std::string directory) {
  SnapshotStore store{fs, std::move(directory)};
  const auto entries = store.list();
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (entry.name != kIncoming && !entry.name.ends_with(kTemporary)) continue;
    if (auto removed = fs.remove(storage::join_path(store.directory_, entry.name)); !removed) return removed.error();
  }
  return store;
}

Result<std::vector<storage::DirectoryEntry>> SnapshotStore::list() const {
  const auto exists = fs_->exists(directory_);
  if (!exists) return exists.error();
  if (!*exists) return std::vector<storage::DirectoryEntry>{};
  return fs_->list(directory_);
}

Result<> SnapshotStore::make_directory() const {
  const auto exists = fs_->exists(directory_);
  if (!exists) return exists.error();
  if (*exists) return {};
  if (auto made = fs_->create_directories(directory_); !made) return made;
  return fs_->sync_directory(storage::parent_path(directory_));
}

std::string SnapshotStore::path_of(const SnapshotMeta& meta, std::string_view suffix) const {
  return storage::join_path(directory_, fmt::format("{:020}-{:010}{}", meta.index.value(), meta.term.value(), suffix));
}

std::string SnapshotStore::incoming() const { return storage::join_path(directory_, kIncoming); }

Result<> SnapshotStore::rename(const std::string& from, const std::string& to) const {
  if (auto renamed = fs_->rename(from, to); !renamed) return renamed;
  return fs_->sync_directory(directory_);
}

Result<std::vector<SnapshotStore::Found>> SnapshotStore::find_all() {
  const auto entries = list();
  if (!entries) return entries.error();
  std::vector<Found> found;
  for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {  // names ascend with the index
    const bool is_installing = entry->name.ends_with(kInstalling);
    if (!is_installing && !entry->name.ends_with(kSnapshot)) continue;
    const auto path = storage::join_path(directory_, entry->name);
    auto header = [&]() -> Result<Header> {
      const auto file = fs_->open(path, storage::OpenMode::existing_read_only);
      if (!file) return file.error();
      return read_header(**file);
    }();
    const auto sound = header ? payload(path, header->meta) : Result<std::string>{header.error()};
    if (sound) {
      found.push_back({std::move(header->meta), is_installing});
      continue;
    }
    if (sound.error() != damaged()) return sound.error();
    spdlog::error("metadata snapshot is damaged; put aside file={}", path);
    if (auto renamed = rename(path, path + std::string{kDamaged}); !renamed) return renamed.error();
  }
  return found;
}

Result<SnapshotMeta> SnapshotStore::write(SnapshotMeta meta, std::string_view state) const {
  if (auto made = make_directory(); !made) return made.error();
  std::vector<std::byte> packed;
  record::make_zstd_encoder()->encode(as_byte_view(state), kLevel, packed);
  meta.bytes = static_cast<std::int64_t>(packed.size());
  meta.checksum = crc32c(packed);
  const auto path = path_of(meta, kSnapshot);
  const auto temporary = path + std::string{kTemporary};
  const auto file = fs_->open(temporary, storage::OpenMode::create);
  if (!file) return file.error();
  if (auto cut = (*file)->truncate(0); !cut) return cut.error();
  const auto header = make_header(meta);
  const std::array<ByteView, 2> parts{as_byte_view(header), ByteView{packed}};
  if (auto written = (*file)->write_at(0, std::span{parts}); !written) return written.error();
  if (auto synced = (*file)->sync_data(); !synced) return synced.error();
  if (auto named = rename(temporary, path); !named) return named.error();
  return meta;
}

/// The bytes behind the header, held against it.
Result<std::string> SnapshotStore::payload(const std::string& path, const SnapshotMeta& meta) const {
  const auto file = fs_->open(path, storage::OpenMode::existing_read_only);
  if (!file) return file.error();
  const auto header = read_header(**file);
  if (!header) return header.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (header->meta != meta || *size != header->payload_at + static_cast<std::uint64_t>(meta.bytes)) return damaged();
  auto bytes = read_exactly(**file, header->payload_at, static_cast<std::size_t>(meta.bytes));
  if (bytes && crc32c(as_byte_view(*bytes)) != meta.checksum) return damaged();
  return bytes;
}

Result<std::string> SnapshotStore::load(const SnapshotMeta& meta) const {
  const auto packed = payload(path_of(meta, kSnapshot), meta);
  if (!packed) return packed.error();
  return unpack(*packed);
}

std::optional<std::string> SnapshotStore::read(const SnapshotMeta& meta, std::int64_t offset,
                                               std::size_t bytes_max) const {
  const auto file = fs_->open(path_of(meta, kSnapshot), storage::OpenMode::existing_read_only);
  if (!file) return std::nullopt;
  const auto header = read_header(**file);
  if (!header || header->meta != meta || offset < 0 || offset > meta.bytes) return std::nullopt;
  const auto bytes = std::min(bytes_max, static_cast<std::size_t>(meta.bytes - offset));
  auto content = read_exactly(**file, header->payload_at + static_cast<std::uint64_t>(offset), bytes);
  if (!content) return std::nullopt;
  return std::move(*content);
}

Result<> SnapshotStore::take_part(const SnapshotPart& part) {
  if (auto made = make_directory(); !made) return made;
  const auto file = fs_->open(incoming(), storage::OpenMode::create);
  if (!file) return file.error();
  const auto header = make_header(part.snapshot);
  if (part.offset == 0) {
    if (auto cut = (*file)->truncate(0); !cut) return cut;
    if (auto written = (*file)->write_at(0, as_byte_view(header)); !written) return written;
  }
  const auto position = header.size() + static_cast<std::uint64_t>(part.offset);
  if (auto written = (*file)->write_at(position, as_byte_view(part.data)); !written) return written;
  return (*file)->sync_data();
}

Result<bool> SnapshotStore::check_incoming(const SnapshotMeta& meta) {
  const auto bytes = payload(incoming(), meta);
  if (bytes) return true;
  if (bytes.error() != damaged()) return {boost::system::in_place_error, bytes.error()};
  if (auto removed = fs_->remove(incoming()); !removed) return {boost::system::in_place_error, removed.error()};
  return false;
}

Result<> SnapshotStore::begin_install(const SnapshotMeta& meta) {
  return rename(incoming(), path_of(meta, kInstalling));
}

Result<> SnapshotStore::end_install(const SnapshotMeta& meta) {
  return rename(path_of(meta, kInstalling), path_of(meta, kSnapshot));
}

Result<> SnapshotStore::remove_old(const SnapshotMeta& newest, int kept) {
  const auto entries = list();
  if (!entries) return entries.error();
  const auto last = storage::join_path(directory_, "") +
                    fmt::format("{:020}-{:010}{}", newest.index.value(), newest.term.value(), kSnapshot);
  for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
    const auto path = storage::join_path(directory_, entry->name);
    if (!entry->name.ends_with(kSnapshot) || path > last || kept-- > 0) continue;
    if (auto removed = fs_->remove(path); !removed) return removed;
  }
  return {};
}

}  // namespace sluice::broker::raft
