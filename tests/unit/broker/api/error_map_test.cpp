#include "broker/api/error_map.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "broker/controller/metadata_image.hpp"
#include "protocol/record/errc.hpp"
#include "storage/errc.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;

/// Calls `visit` with every enumerator: those are the numbers from 1 on that have a text of their own.
template <class Errc, class Visit>
int for_every(const std::error_category& category, Visit visit) {
  const auto unknown = category.message(10'000);
  int count = 0;
  for (int value = 1; category.message(value) != unknown; ++value, ++count) visit(static_cast<Errc>(value));
  return count;
}

}  // namespace

TEST_CASE("every error of storage has a code for clients", "[error_map]") {
  const auto count = for_every<storage::Errc>(storage::storage_category(), [](storage::Errc error) {
    CAPTURE(make_error_code(error).message());
    CHECK(to_error_code(make_error_code(error)) != ErrorCode::none);
    CHECK(to_error_code(make_error_code(error)) != ErrorCode::unknown_server_error);
  });
  CHECK(count == static_cast<int>(storage::Errc::not_cached));
}

TEST_CASE("the errors of a log that clients act on keep their meaning", "[error_map]") {
  const auto code = [](storage::Errc error) { return static_cast<int>(to_error_code(make_error_code(error))); };
  CHECK(code(storage::Errc::offset_out_of_range) == 1);
  CHECK(code(storage::Errc::out_of_order_sequence) == 45);
  CHECK(code(storage::Errc::stale_producer_epoch) == 47);
  CHECK(code(storage::Errc::batch_larger_than_segment) == 18);
  CHECK(code(storage::Errc::log_offline) == 56);
}

TEST_CASE("whatever is wrong with records is a corrupt message", "[error_map]") {
  const auto count = for_every<record::Errc>(record::record_category(), [](record::Errc error) {
    CHECK(to_error_code(make_error_code(error)) == ErrorCode::corrupt_message);
  });
  CHECK(count == static_cast<int>(record::Errc::unknown_codec));
}

TEST_CASE("an error of the system is the storage's, success is none", "[error_map]") {
  for (const int error : {ENOSPC, EIO, EFBIG, EMFILE, ENOENT}) {
    CHECK(to_error_code(std::error_code{error, std::system_category()}) == ErrorCode::kafka_storage_error);
  }
  CHECK(to_error_code(std::error_code{}) == ErrorCode::none);
}

TEST_CASE("every reason to refuse a batch has a code of its own", "[error_map]") {
  std::vector<ErrorCode> codes;
  for (int reason = 0; reason <= static_cast<int>(record::Reason::unsupported_compression_type); ++reason) {
    codes.push_back(to_error_code(static_cast<record::Reason>(reason)));
    CHECK(codes.back() != ErrorCode::unknown_server_error);
    CHECK(std::count(codes.begin(), codes.end(), codes.back()) == 1);
  }
}

TEST_CASE("a partition that is not here is unknown, elsewhere or broken", "[error_map]") {
  test::FakeCluster alone;
  alone.create("t");
  const auto image = alone.state.image();
  const auto id = image.find_topic("t")->id;
  const auto why = [&](std::string_view topic, const Uuid& topic_id, int partition, bool by_topic_id) {
    return unknown_partition_error(image, topic, topic_id, PartitionId{partition}, by_topic_id);
  };
  CHECK(why("x", {}, 0, false) == ErrorCode::unknown_topic_or_partition);
  CHECK(why("t", {}, 1, false) == ErrorCode::unknown_topic_or_partition);
  CHECK(why("t", {}, -1, false) == ErrorCode::unknown_topic_or_partition);
  CHECK(why("", Uuid::random(), 0, true) == ErrorCode::unknown_topic_id);
  CHECK(why("", id, 1, true) == ErrorCode::unknown_topic_or_partition);
  CHECK(why("t", {}, 0, false) == ErrorCode::kafka_storage_error);

  test::FakeCluster two{2};
  two.create("t");
  CHECK(unknown_partition_error(two.state.image(), "t", {}, PartitionId{0}, false) ==
        ErrorCode::not_leader_or_follower);
}

}  // namespace sluice::broker::api
