#include "broker/raft/vote_file_driver.hpp"

#include <algorithm>
#include <array>

#include "broker/raft/raft_codec.hpp"
#include "protocol/base/crc32c.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::byte kVersion{1};
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kVoterAt = 5;
constexpr std::size_t kNodeAt = 6;
constexpr std::size_t kDirectoryAt = 10;
constexpr std::size_t kStateAt = 26;

std::string encode(const Votes& votes) {
  std::array<std::byte, kStateAt> head{};
  head[kVersionAt] = kVersion;
  head[kVoterAt] = std::byte{votes.has_been_voter};
  store_be(head.data() + kNodeAt, votes.self.node.value());
  std::ranges::copy(std::as_bytes(std::span{votes.self.directory.bytes()}), head.begin() + kDirectoryAt);
  std::string content{as_text(head)};
  content += raft::encode(votes.state);
  store_be(head.data(), crc32c(as_byte_view(content).subspan(kVersionAt)));
  std::copy_n(as_text(head).begin(), kVersionAt, content.begin());
  return content;
}

std::optional<Votes> decode(ByteView content) {
  if (content.size() < kStateAt || content[kVersionAt] != kVersion) return std::nullopt;
  if (load_be<std::uint32_t>(content.data()) != crc32c(content.subspan(kVersionAt))) return std::nullopt;
  const auto state = decode_hard_state(content.subspan(kStateAt));
  if (!state) return std::nullopt;
  std::array<std::uint8_t, 16> directory{};
  std::ranges::copy(content.subspan(kDirectoryAt, directory.size()),
                    std::as_writable_bytes(std::span{directory}).begin());
  return Votes{.self = {BrokerId{load_be<std::int32_t>(content.data() + kNodeAt)}, Uuid{directory}},
               .state = *state,
               .has_been_voter = content[kVoterAt] != std::byte{0}};
}

}  // namespace

Result<std::optional<Votes>> read_votes(storage::FileSystem& fs, const std::string& directory) {
  const auto content = storage::read_file(fs, storage::join_path(directory, kVoteFile));
  if (!content) {
    if (content.error() == std::errc::no_such_file_or_directory) return std::optional<Votes>{};
    return content.error();
  }
  const auto votes = decode(as_byte_view(*content));
  if (!votes) return std::make_error_code(std::errc::bad_message);
  return votes;
}

Result<> write_votes(storage::FileSystem& fs, const std::string& directory, const Votes& votes) {
  return storage::write_file_atomically(fs, storage::join_path(directory, kVoteFile), encode(votes));
}

}  // namespace sluice::broker::raft
