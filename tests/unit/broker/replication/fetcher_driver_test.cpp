#include "broker/replication/fetcher_driver.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "broker/replication/replica_progress.hpp"
#include "protocol/peer/peer_apis.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/broker/replication/replica_pair.hpp"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using broker::replication::FetcherDriver;
using broker::replication::ReplicaProgress;

/// A leader on a socket: the pair's leader side answers each fetch, as soon as it has more to tell or 20 ms have
/// passed.
class ServedPair {
 public:
  explicit ServedPair(broker::config::Durability durability = broker::config::Durability::os)
      : pair(1, durability), acceptor_(context_, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}) {
    thread_ = std::thread{[this] { serve(); }};
  }
  ~ServedPair() {
    stopping_ = true;
    hang_up();
    tcp::socket knock{context_};
    boost::system::error_code ignored;
    knock.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void hang_up() {
    const std::lock_guard lock{socket_mutex_};
    boost::system::error_code ignored;
    if (socket_) socket_->shutdown(tcp::socket::shutdown_both, ignored);
  }
  std::vector<ReplicaProgress> progress() {
    const std::lock_guard lock{socket_mutex_};
    return progress_;
  }

  ReplicaPair pair;
  std::atomic<int> fetches{0};
  std::atomic<int> sessions{0};

 private:
  void serve() {
    while (!stopping_) {
      auto socket = std::make_shared<tcp::socket>(acceptor_.accept());
      {
        const std::lock_guard lock{socket_mutex_};
        socket_ = socket;
      }
      while (!stopping_ && serve_frame(*socket)) {
      }
      const std::lock_guard lock{socket_mutex_};
      socket_.reset();
    }
  }

  bool serve_frame(tcp::socket& socket) {
    boost::system::error_code error;
    std::array<std::byte, 4> size{};
    boost::asio::read(socket, boost::asio::buffer(size), error);
    if (error) return false;
    Bytes frame(static_cast<std::size_t>(load_be<std::int32_t>(size.data())));
    boost::asio::read(socket, boost::asio::buffer(frame), error);
    if (error) return false;
    wire::Reader in{MutableBytes{frame}};
    const auto key = in.int16();
    in.int16();
    const auto correlation = in.int32();
    in.nullable_string(false);
    if (key == static_cast<std::int16_t>(protocol::ReplicaProgress::key)) return take_progress(in);
    FetchRequest request;
    if (in.varint() != 0 || !decode(in, protocol::Fetch::versions.max, request)) return false;
    return answer(socket, request, correlation);
  }

  bool take_progress(wire::Reader& in) {
    const auto told = broker::replication::decode_replica_progress(in.raw(in.remaining()));
    const std::lock_guard lock{socket_mutex_};
    progress_.push_back(told.value());
    return true;
  }

  bool answer(tcp::socket& socket, const FetchRequest& request, std::int32_t correlation) {
    ++fetches;
    sessions += request.session_epoch == 0;
    auto response = pair.serve(request);
    if (request.max_wait_ms > 0) {
      for (int i = 0; i < 20 && !pair.session->has_news() && answered(response) == 0; ++i) {
        std::this_thread::sleep_for(1ms);
      }
      if (answered(response) == 0 && response.error_code == ErrorCode::none) response = pair.answer();
    }
    wire::Writer out;
    out.int32(0);
    out.int32(correlation);
    out.varint(0);
    encode(response, protocol::Fetch::versions.max, out);
    store_be(out.mutable_bytes().data(), static_cast<std::int32_t>(out.size() - 4));
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(out.bytes().data(), out.size()), error);
    return !error;
  }

  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::mutex socket_mutex_;  // of the two below
  std::shared_ptr<tcp::socket> socket_;
  std::vector<ReplicaProgress> progress_;
  std::thread thread_;
};

/// A driver on a thread of its own, until it goes.
class Fetching {
 public:
  explicit Fetching(ServedPair& leader, std::int64_t broker_epoch = 7) : broker_epoch_(broker_epoch) {
    thread.start();
    on_thread([&] {
      driver = std::make_shared<FetcherDriver>(
          thread, kLeader, FetcherDriver::Options{.fetch = {.self = kFollower, .wait_max = 100ms}}, broker_epoch_);
      driver->set_address(broker::peer::PeerAddress{"127.0.0.1", leader.port()});
      driver->add(leader.pair.follower.partitions[0]);
      driver->go_on();
    });
  }
  ~Fetching() {
    on_thread([&] {
      driver->close();
      driver.reset();
    });
    thread.stop();
  }
  template <class Work>
  void on_thread(Work work) {
    std::promise<void> done;
    thread.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  void register_broker(std::int64_t epoch) {
    broker_epoch_ = epoch;
    on_thread([&] { driver->go_on(); });
  }

  broker::IoThread thread{0, "test-fetch"};
  std::shared_ptr<FetcherDriver> driver;

 private:
  std::atomic<std::int64_t> broker_epoch_;
};

TEST_CASE("a fetcher follows its leader over a connection", "[replication]") {
  ServedPair leader;
  leader.pair.append(0, 3);
  Fetching fetching{leader};
  CHECK(eventually([&] { return leader.pair.follower_end() == Offset{3}; }));
  CHECK(eventually([&] { return leader.pair.leader.partitions[0]->high_watermark() == Offset{3}; }));
  leader.pair.append(0, 2);
  CHECK(eventually([&] { return leader.pair.follower_end() == Offset{5}; }));
  CHECK(leader.sessions == 1);
}

TEST_CASE("a fetcher goes on by itself after its connection broke", "[replication]") {
  ServedPair leader;
  leader.pair.append(0);
  Fetching fetching{leader};
  REQUIRE(eventually([&] { return leader.pair.follower_end() == Offset{1}; }));
  leader.hang_up();
  leader.pair.append(0);
  CHECK(eventually([&] { return leader.pair.follower_end() == Offset{2}; }));
  CHECK(leader.sessions == 2);
}

TEST_CASE("a broker that is not registered fetches nothing", "[replication]") {
  ServedPair leader;
  leader.pair.append(0);
  Fetching fetching{leader, -1};
  std::this_thread::sleep_for(50ms);
  CHECK(leader.fetches == 0);
  fetching.register_broker(7);
  CHECK(eventually([&] { return leader.pair.follower_end() == Offset{1}; }));
}

TEST_CASE("a fetcher tells what was synced, and again over a new connection", "[replication]") {
  ServedPair leader{broker::config::Durability::fsync};
  leader.pair.append(0, 4);
  Fetching fetching{leader};
  const auto told = [&](Offset end) {
    const auto progress = leader.progress();
    return !progress.empty() && progress.back().items.back().synced_end == end;
  };
  REQUIRE(eventually([&] { return leader.pair.follower_end() == Offset{4}; }));
  fetching.on_thread([&] {
    leader.pair.follower.sync();
    fetching.driver->note_synced(leader.pair.key(0));
    fetching.driver->go_on();
  });
  REQUIRE(eventually([&] { return told(Offset{4}); }));
  CHECK(leader.progress().back().broker_epoch == BrokerEpoch{7});
  const auto messages = leader.progress().size();
  leader.hang_up();
  CHECK(eventually([&] { return leader.progress().size() > messages && told(Offset{4}); }));
}

TEST_CASE("a fetcher without partitions closes its connection, whatever answer is to come", "[replication]") {
  ServedPair leader;
  Fetching fetching{leader};
  REQUIRE(eventually([&] { return leader.fetches > 1; }));
  bool idle = false;
  fetching.on_thread([&] {
    fetching.driver->remove(leader.pair.key(0));
    fetching.driver->go_on();
    idle = fetching.driver->is_idle();
  });
  CHECK(idle);
}

}  // namespace
}  // namespace sluice::test
