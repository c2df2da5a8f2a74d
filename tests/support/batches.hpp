#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "protocol/record/batch_builder.hpp"
#include "protocol/record/control_record.hpp"

namespace sluice::test {

using Bytes = std::vector<std::byte>;

inline constexpr Timestamp kSomeTime{1'700'000'000'000};

struct TestHeader {
  std::string key;
  std::optional<std::string> value{};

  friend bool operator==(const TestHeader&, const TestHeader&) = default;
};

struct TestRecord {
  std::optional<std::string> key{};
  std::optional<std::string> value{};
  Timestamp timestamp = kSomeTime;
  std::vector<TestHeader> headers{};

  friend bool operator==(const TestRecord&, const TestRecord&) = default;
};

/// `batch({{"k", "v"}, {std::nullopt, "no key"}}, {.base_offset = Offset{7}})`: a whole batch with its CRC.
Bytes batch(std::initializer_list<TestRecord> records, const record::BatchOptions& options = {});
Bytes batch_from(const std::vector<TestRecord>& records, const record::BatchOptions& options = {});

/// `count` records with keys "key-0"… and values of `value_bytes` letters.
Bytes batch_of(int count, std::size_t value_bytes, const record::BatchOptions& options = {});

/// Batches laid back to back.
Bytes concat(std::initializer_list<Bytes> batches);

/// Appends `record` to `builder`, as the functions above do.
void append(record::BatchBuilder& builder, const TestRecord& record);

}  // namespace sluice::test
