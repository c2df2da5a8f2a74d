#include "broker/raft/kept_entries_driver.hpp"

#include <array>

#include "broker/raft/raft_codec.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/crc32c.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::string_view kFile = "kept-entries";
constexpr std::size_t kNumberBytes = 4;

std::string number(std::uint32_t value) {
  std::array<std::byte, kNumberBytes> bytes{};
  store_be(bytes.data(), value);
  return std::string{as_text(bytes)};
}

std::error_code damaged() { return std::make_error_code(std::errc::bad_message); }

}  // namespace

Result<std::vector<Entry>> read_kept_entries(storage::FileSystem& fs, const std::string& directory) {
  const auto content = storage::read_file(fs, storage::join_path(directory, kFile));
  if (!content) {
    if (content.error() == std::errc::no_such_file_or_directory) return std::vector<Entry>{};
    return content.error();
  }
  auto rest = as_byte_view(*content);
  if (rest.size() < kNumberBytes) return damaged();
  if (load_be<std::uint32_t>(rest.data()) != crc32c(rest.subspan(kNumberBytes))) return damaged();
  rest = rest.subspan(kNumberBytes);
  std::vector<Entry> entries;
  while (!rest.empty()) {
    if (rest.size() < kNumberBytes) return damaged();
    const auto length = load_be<std::uint32_t>(rest.data());
    rest = rest.subspan(kNumberBytes);
    if (length > rest.size()) return damaged();
    auto entry = decode_entry(rest.first(length));
    const bool follows = entry && entry->checksum == checksum_of(*entry) &&
                         (entries.empty() || entry->index == entries.back().index + 1);
    if (!follows) return damaged();
    entries.push_back(std::move(*entry));
    rest = rest.subspan(length);
  }
  return entries;
}

Result<> write_kept_entries(storage::FileSystem& fs, const std::string& directory, const std::vector<Entry>& entries) {
  std::string content;
  for (const auto& entry : entries) {
    const auto encoded = encode(entry);
    content += number(static_cast<std::uint32_t>(encoded.size()));
    content += encoded;
  }
  content.insert(0, number(crc32c(as_byte_view(content))));
  return storage::write_file_atomically(fs, storage::join_path(directory, kFile), content);
}

Result<> remove_kept_entries(storage::FileSystem& fs, const std::string& directory) {
  if (auto removed = fs.remove(storage::join_path(directory, kFile)); !removed) return removed;
  return fs.sync_directory(directory);
}

}  // namespace sluice::broker::raft
