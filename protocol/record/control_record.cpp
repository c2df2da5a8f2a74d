#include "protocol/record/control_record.hpp"

#include <array>

#include "protocol/record/batch_builder.hpp"

namespace sluice::record {
namespace {

constexpr std::size_t kKeyBytes = 4;
constexpr std::size_t kEndTransactionValueBytes = 6;
constexpr std::size_t kSecondField = 2;  // after the version, in keys and values
constexpr std::int16_t kVersion = 0;     // later versions may only append fields

}  // namespace

std::optional<ControlType> parse_control_type(ByteView key) noexcept {
  if (key.size() < kKeyBytes || load_be<std::int16_t>(key.data()) < 0) return std::nullopt;
  const auto type = load_be<std::int16_t>(key.data() + kSecondField);
  if (type < 0 || type > static_cast<std::int16_t>(ControlType::kraft_voters)) return std::nullopt;
  return static_cast<ControlType>(type);
}

std::optional<EndTransactionMarker> parse_end_transaction(ByteView key, ByteView value) noexcept {
  const auto type = parse_control_type(key);
  if (type != ControlType::abort && type != ControlType::commit) return std::nullopt;
  if (value.size() < kEndTransactionValueBytes || load_be<std::int16_t>(value.data()) < 0) return std::nullopt;
  return EndTransactionMarker{type == ControlType::commit, load_be<std::int32_t>(value.data() + kSecondField)};
}

std::vector<std::byte> build_end_transaction(const EndTransactionTarget& target, const EndTransactionMarker& marker) {
  const auto type = marker.committed ? ControlType::commit : ControlType::abort;
  std::array<std::byte, kKeyBytes> key{};
  store_be(key.data(), kVersion);
  store_be(key.data() + kSecondField, static_cast<std::int16_t>(type));
  std::array<std::byte, kEndTransactionValueBytes> value{};
  store_be(value.data(), kVersion);
  store_be(value.data() + kSecondField, marker.coordinator_epoch);

  BatchBuilder builder{{.base_offset = target.base_offset,
                        .partition_leader_epoch = target.partition_leader_epoch,
                        .producer_id = target.producer_id,
                        .producer_epoch = target.producer_epoch,
                        .transactional = true,
                        .control = true}};
  builder.append({.timestamp = target.timestamp, .key = ByteView{key}, .value = ByteView{value}});
  const auto batch = builder.build();
  return {batch.begin(), batch.end()};
}

}  // namespace sluice::record
