#include "storage/checkpoint/partition_metadata.hpp"

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kUpToId = "version: 0\ntopic_id: ";

}  // namespace

Result<PartitionMetadata> read_partition_metadata(FileSystem& fs, const std::string& path) {
  const auto content = read_file(fs, path);
  if (!content) return content.error();
  std::string_view text = *content;
  if (!text.starts_with(kUpToId)) return Errc::corrupt_checkpoint;
  text.remove_prefix(kUpToId.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto topic_id = Uuid::parse(text);
  if (!topic_id || topic_id->is_zero()) return Errc::corrupt_checkpoint;
  return PartitionMetadata{*topic_id};
}

Result<> write_partition_metadata(FileSystem& fs, const std::string& path, const PartitionMetadata& metadata) {
  SLUICE_ASSERT(!metadata.topic_id.is_zero(), path);
  const auto content = std::string{kUpToId} + metadata.topic_id.to_string();
  const auto file = fs.open(path, OpenMode::create);
  if (!file) return file.error();
  if (const auto cut = (*file)->truncate(0); !cut) return cut;
  return (*file)->write_at(0, as_byte_view(content));
}

}  // namespace sluice::storage
