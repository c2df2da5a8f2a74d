#include "tests/support/batches.hpp"

namespace sluice::test {
namespace {

std::optional<ByteView> as_bytes(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return as_byte_view(*text);
}

}  // namespace

void append(record::BatchBuilder& builder, const TestRecord& record) {
  std::vector<record::Header> headers;
  for (const auto& header : record.headers) headers.push_back({as_byte_view(header.key), as_bytes(header.value)});
  builder.append({record.timestamp, as_bytes(record.key), as_bytes(record.value), headers});
}

Bytes batch_from(const std::vector<TestRecord>& records, const record::BatchOptions& options) {
  record::BatchBuilder builder{options};
  for (const auto& record : records) append(builder, record);
  const auto batch = builder.build();
  return {batch.begin(), batch.end()};
}

Bytes batch(std::initializer_list<TestRecord> records, const record::BatchOptions& options) {
  return batch_from(std::vector<TestRecord>{records}, options);
}

Bytes batch_of(int count, std::size_t value_bytes, const record::BatchOptions& options) {
  std::vector<TestRecord> records;
  for (int i = 0; i < count; ++i) {
    std::string value(value_bytes, ' ');
    for (std::size_t at = 0; at < value_bytes; ++at) {
      value[at] = static_cast<char>('a' + (at * 7 + static_cast<std::size_t>(i)) % 26);
    }
    records.push_back({"key-" + std::to_string(i), std::move(value), kSomeTime + i});
  }
  return batch_from(records, options);
}

Bytes concat(std::initializer_list<Bytes> batches) {
  Bytes all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

}  // namespace sluice::test
