#include "broker/api/produce_rules.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace sluice::broker::api {

TEST_CASE("a topic's defaults ask what Kafka's ask", "[produce_rules]") {
  const auto rules = produce_rules({}, 9);
  CHECK(rules.max_message_bytes == 1048588);
  CHECK(rules.segment_bytes == 1 << 30);
  CHECK_FALSE(rules.compacted);
  CHECK(rules.from_client);
  CHECK(rules.timestamp_type == record::TimestampType::create_time);
  CHECK(rules.timestamp_before_max_ms == std::numeric_limits<std::int64_t>::max());
  CHECK(rules.timestamp_after_max_ms == 3'600'000);
  CHECK_FALSE(rules.target_compression.has_value());
}

TEST_CASE("zstd needs version 7 of Produce", "[produce_rules]") {
  CHECK_FALSE(produce_rules({}, 6).allow_zstd);
  CHECK(produce_rules({}, 7).allow_zstd);
}

TEST_CASE("compaction demands keys, also beside deletion", "[produce_rules]") {
  config::TopicSettings settings;
  settings.cleanup_compact = true;
  CHECK(produce_rules(settings, 9).compacted);
  settings.cleanup_delete = false;
  CHECK(produce_rules(settings, 9).compacted);
}

TEST_CASE("a topic's codec brings its own level", "[produce_rules]") {
  using record::Compression;
  config::TopicSettings settings;
  settings.compression_gzip_level = 3;
  settings.compression_lz4_level = 5;
  settings.compression_zstd_level = 7;
  const auto level = [&](Compression codec) {
    settings.compression = codec;
    const auto rules = produce_rules(settings, 9);
    CHECK(rules.target_compression == codec);
    return rules.target_level;
  };
  CHECK(level(Compression::gzip) == 3);
  CHECK(level(Compression::lz4) == 5);
  CHECK(level(Compression::zstd) == 7);
  CHECK_FALSE(level(Compression::none).has_value());
  CHECK_FALSE(level(Compression::snappy).has_value());
}

TEST_CASE("compressed batches may be trusted where the topic says so", "[produce_rules]") {
  config::TopicSettings settings;
  CHECK_FALSE(produce_rules(settings, 9).trust_compressed);
  settings.validate_compressed = false;
  CHECK(produce_rules(settings, 9).trust_compressed);
}

TEST_CASE("limits on timestamps are told in milliseconds", "[produce_rules]") {
  config::TopicSettings settings;
  settings.message_timestamp_before_max_ms = std::chrono::hours{1};
  settings.message_timestamp_after_max_ms.reset();
  const auto rules = produce_rules(settings, 9);
  CHECK(rules.timestamp_before_max_ms == 3'600'000);
  CHECK(rules.timestamp_after_max_ms == std::numeric_limits<std::int64_t>::max());
}

}  // namespace sluice::broker::api
