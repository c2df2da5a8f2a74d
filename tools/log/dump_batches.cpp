#include <fmt/format.h>

#include "protocol/record/control_record.hpp"
#include "protocol/record/record_stream.hpp"
#include "protocol/record/record_summary.hpp"
#include "storage/segment/batch_reader.hpp"
#include "tools/log/dump.hpp"

namespace sluice::tools {
namespace {

constexpr std::size_t kUnpackedBytesMax = std::size_t{1} << 30;

std::string_view control_name(const record::RecordView& record) {
  const auto type = record.key ? record::parse_control_type(*record.key) : std::nullopt;
  if (!type) return "unknown";
  switch (*type) {
    case record::ControlType::abort: return "abort";
    case record::ControlType::commit: return "commit";
    case record::ControlType::leader_change: return "leader_change";
    case record::ControlType::snapshot_header: return "snapshot_header";
    case record::ControlType::snapshot_footer: return "snapshot_footer";
    case record::ControlType::kraft_version: return "kraft_version";
    case record::ControlType::kraft_voters: return "kraft_voters";
  }
  return "unknown";
}

Json json_of_record(const record::BatchView& batch, const record::RecordView& record) {
  Json item{{"offset", batch.base_offset().value() + record.offset_delta},
            {"timestamp", record::timestamp_of(batch.base_timestamp(), record.timestamp_delta).value()}};
  if (batch.is_control()) {
    item["control"] = control_name(record);
    return item;
  }
  item["key"] = json_of_bytes(record.key);
  item["value"] = json_of_bytes(record.value);
  auto headers = Json::array();
  for (const auto& header : record.headers) {
    headers.push_back(Json::array({json_of_bytes(header.key), json_of_bytes(header.value)}));
  }
  item["headers"] = std::move(headers);
  return item;
}

Result<> dump_records(const record::BatchView& batch, record::RecordStream& stream, const ItemSink& sink) {
  if (const auto started = stream.start(batch, kUnpackedBytesMax); !started) return started.error();
  while (true) {
    const auto record = stream.next();
    if (!record) return record.error();
    if (!*record) return {};
    sink(json_of_record(batch, **record));
  }
}

Failure damage_at(const std::string& path, std::uint64_t position, std::error_code error) {
  return {.message = fmt::format("{}: damaged at position {}", path, position),
          .tried = "read the record batch there",
          .answer = error.message(),
          .next = "sluice log verify DIRECTORY lists everything that is wrong in a partition"};
}

}  // namespace

Outcome<> dump_batches(storage::FileSystem& fs, const std::string& path, const DumpOptions& options,
                       const ItemSink& sink) {
  const storage::SegmentFile file{fs, path};
  const auto opened = file.open();
  if (!opened) return file_failure(path, opened.error());
  const auto size = (*opened)->size();
  if (!size) return file_failure(path, size.error());
  if (*size > std::numeric_limits<std::int32_t>::max())
    return file_failure(path, std::make_error_code(std::errc::file_too_large));
  storage::BatchReader reader{file, 0, static_cast<std::uint32_t>(*size)};
  record::RecordStream stream;
  while (true) {
    const auto position = reader.position();
    const auto batch = reader.next();
    if (!batch) return damage_at(path, position, batch.error());
    if (!*batch) return {};
    sink(json_of_batch(**batch, position));
    if (!options.records) continue;
    if (const auto dumped = dump_records(**batch, stream, sink); !dumped)
      return damage_at(path, position, dumped.error());
  }
}

}  // namespace sluice::tools
