#include "broker/peer/cluster_client.hpp"

#include <catch2/catch.hpp>
#include <future>

#include "broker/controller/metadata_image.hpp"
#include "broker/peer/address_book.hpp"
#include "tests/unit/broker/peer/scripted_server.hpp"

using namespace sluice;
using namespace sluice::broker;
using namespace sluice::broker::peer;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

struct Client {
  Client() { thread.start(); }
  ~Client() {
    client.stop();
    run_on(thread, [] {});
    thread.stop();
  }
  template <class To>
  std::future<Result<CallResponse>> call(const To& to, std::chrono::milliseconds timeout = 5s) {
    const auto promise = std::make_shared<std::promise<Result<CallResponse>>>();
    client.call(to, ControllerCall{.request = "question"}, timeout,
                [promise](Result<CallResponse> answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }

  IoThread thread{0};
  AddressBook addresses{"INSIDE"};
  ClusterClient client{thread, &addresses, "test"};
};

std::vector<std::byte> answer_to(const RequestFrame& request, const std::string& text) {
  return response_frame(request.id, encode(CallResponse{ControllerAnswer{.response = text}}));
}

}  // namespace

TEST_CASE("calls read back what was written", "[peer]") {
  const CallRequest requests[] = {IdentifyCall{}, ControllerCall{.request = "r", .may_be_passed_on = true}};
  for (const auto& request : requests) CHECK(decode_call_request(as_byte_view(encode(request))) == request);
  const CallResponse responses[] = {
      ControllerAnswer{.response = "a"}, NodeDescription{},
      NodeDescription{.cluster_id = "c",
                      .node_id = BrokerId{4},
                      .directory_id = Uuid::random(),
                      .is_undecided = true,
                      .voters = {{.replica = {BrokerId{4}, Uuid::random()}, .address = {"host", 9093}},
                                 {.replica = {BrokerId{7}, {}}, .address = {}}},
                      .leader = BrokerId{0},
                      .process_id = Uuid::random()}};
  for (const auto& response : responses) CHECK(decode_call_response(as_byte_view(encode(response))) == response);
}

TEST_CASE("calls that make no sense are not understood, wherever they are cut", "[peer]") {
  CHECK_FALSE(decode_call_request({}));
  CHECK_FALSE(decode_call_response({}));
  CHECK_FALSE(decode_call_request(as_byte_view("\xff\xff\xff")));
  const auto whole = encode(CallResponse{NodeDescription{
      .node_id = BrokerId{4}, .directory_id = Uuid::random(), .voters = {{.replica = {BrokerId{4}, Uuid::random()}}}}});
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    CHECK_FALSE(decode_call_response(as_byte_view(whole).first(size)));
  }
}

TEST_CASE("a call is answered by the node that it names", "[peer]") {
  ScriptedServer server;
  Client client;
  client.addresses.set_quorum_address(BrokerId{2}, server.address());
  auto answer = client.call(BrokerId{2});
  const auto socket = server.accept();
  const auto request = read_request(socket);
  REQUIRE(request);
  CHECK(decode_call_request(as_byte_view(request->body)) == CallRequest{ControllerCall{.request = "question"}});
  REQUIRE(socket.write(answer_to(*request, "yes")));
  CHECK(answer.get().value() == CallResponse{ControllerAnswer{.response = "yes"}});
}

TEST_CASE("calls fail with a reason", "[peer]") {
  ScriptedServer server;
  Client client;
  CHECK(client.call(BrokerId{5}).get().error() == std::errc::address_not_available);
  auto late = client.call(server.address(), 50ms);
  const auto socket = server.accept();
  REQUIRE(read_request(socket));
  CHECK(late.get().error() == std::errc::timed_out);
  auto odd = client.call(server.address());
  const auto second = server.accept();
  REQUIRE(second.write(response_frame(read_request(second)->id, "\xff")));
  CHECK(odd.get().error() == std::errc::bad_message);
  auto canceled = client.call(server.address());
  client.client.stop();
  CHECK(canceled.get().error() == std::errc::operation_canceled);
  CHECK(client.call(server.address()).get().error() == std::errc::operation_canceled);
}

TEST_CASE("a slow call does not hold back others to the same node", "[peer]") {
  ScriptedServer server;
  Client client;
  auto slow = client.call(server.address());
  const auto first = server.accept();
  const auto question = read_request(first);
  auto quick = client.call(server.address());
  const auto second = server.accept();
  REQUIRE(second.write(answer_to(read_request(second).value(), "quick")));
  CHECK(quick.get().value() == CallResponse{ControllerAnswer{.response = "quick"}});
  REQUIRE(first.write(answer_to(question.value(), "slow")));
  CHECK(slow.get().value() == CallResponse{ControllerAnswer{.response = "slow"}});
}

TEST_CASE("an address book knows the brokers of the image and the nodes of the quorum", "[peer]") {
  AddressBook book{"INSIDE"};
  int changes = 0;
  book.on_change([&] { ++changes; });
  controller::MetadataImage image;
  image.set_broker({.id = BrokerId{1}, .endpoints = {{"OUTSIDE", "out", 1}, {"INSIDE", "in", 2}}});
  image.set_broker({.id = BrokerId{2}, .endpoints = {{"OUTSIDE", "out", 1}}});
  book.apply(image);
  CHECK(book.broker_address(BrokerId{1}) == PeerAddress{"in", 2});
  CHECK_FALSE(book.broker_address(BrokerId{2}));
  CHECK(book.quorum_address(BrokerId{1}) == PeerAddress{"in", 2});  // it has no other
  book.set_quorum_address(BrokerId{1}, {"controller", 3});
  book.set_quorum_address(BrokerId{1}, {"controller", 3});
  CHECK(changes == 1);
  CHECK(book.quorum_address(BrokerId{1}) == PeerAddress{"controller", 3});
  CHECK(book.quorum_nodes() == std::vector{BrokerId{1}});
  image.remove_broker(BrokerId{1});
  book.apply(image);
  CHECK_FALSE(book.broker_address(BrokerId{1}));
}
