#include "broker/peer/peer_connection.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <utility>

#include "broker/server/receive_buffer.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::peer {
namespace {

using boost::asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using SystemError = boost::system::error_code;

constexpr std::size_t kSizePrefix = 4;
constexpr std::size_t kGatheredBytesMax = 1U << 20;
constexpr std::size_t kGatheredFramesMax = 64;
constexpr milliseconds kBackoffMin{2};
constexpr milliseconds kBackoffMax{1000};
constexpr int kBackoffGrowth = 4;
/// A connection that is closed sooner is no proof that the address is worth connecting to again at once, nor that
/// somebody is there: a process that ends closes its connections before it stops to listen.
constexpr milliseconds kSettled{200};
constexpr milliseconds kBetweenHurries{100};
constexpr milliseconds kLargeBufferKept{10000};
/// What is sent and not acknowledged by the other machine for so long ends the connection: after an outage a new one
/// goes on sooner than the pauses of TCP's repetitions, which have doubled meanwhile, allow.
constexpr unsigned kUnacknowledgedMax = 4000;

std::error_code canceled() { return std::make_error_code(std::errc::operation_canceled); }

/// One socket's life. Operations under way keep it, so that what they point into outlasts the connection's use of it.
struct Link {
  Link(boost::asio::io_context& context, std::size_t frame_bytes_max) : socket(context), in(frame_bytes_max) {}

  tcp::socket socket;
  ReceiveBuffer in;
  std::vector<std::vector<std::byte>> writing;
  Clock::time_point connected_at{};
  Clock::time_point received_at{};
  Clock::time_point large_frame_at{};
  bool connected = false;
};

class AsioPeerConnection final : public PeerConnection {
 public:
  AsioPeerConnection(IoThread& thread, Options options, OnLost on_lost)
      : thread_(thread), options_(std::move(options)), on_lost_(std::move(on_lost)), resolver_(thread.context()) {}
  ~AsioPeerConnection() override { AsioPeerConnection::close(); }

  bool is_connected() const noexcept override { return link_ && link_->connected; }

  void hurry() override {
    const auto now = Clock::now();
    if (closed_ || !backoff_timer_ || now - hurried_at_ < kBetweenHurries) return;
    hurried_at_ = now;
    backoff_timer_.reset();
    if (fate_ != Loss::alive || !queue_.empty()) connect();
  }

  void close() override {
    closed_ = true;
    backoff_timer_.reset();
    settle_timer_.reset();
    connect_timer_.reset();
    deadline_timer_.reset();
    resolver_.cancel();
    drop_link();
    fail_sent(canceled());
    fail_queued(canceled());
  }

 protected:
  std::int32_t begin_frame(wire::Writer& writer, std::int16_t key, std::int16_t version, bool flexible) override {
    const auto id = next_id_++;
    if (next_id_ < 0) next_id_ = 0;
    writer.int32(0);  // the size, once it is known
    writer.int16(key);
    writer.int16(version);
    writer.int32(id);
    writer.string(options_.client_id, false);
    if (flexible) writer.varint(0);
    return id;
  }

  void send_frame(std::int32_t id, wire::Writer& writer, milliseconds timeout, OnFrame done) override {
    if (closed_) return fail_later(std::move(done), canceled());
    if (!has_room_for(writer)) {
      return fail_later(std::move(done), std::make_error_code(std::errc::no_buffer_space));
    }
    enqueue({.bytes = finish(writer), .id = id, .deadline = Clock::now() + timeout, .done = std::move(done)});
  }

  void send_one_way(wire::Writer& writer, milliseconds timeout) override {
    if (closed_ || !has_room_for(writer)) return;
    enqueue({.bytes = finish(writer), .id = {}, .deadline = Clock::now() + timeout, .done = {}});
  }

 private:
  using SharedLink = std::shared_ptr<Link>;
  using Weak = std::weak_ptr<AsioPeerConnection>;

  struct Outgoing {
    std::vector<std::byte> bytes;
    std::optional<std::int32_t> id;  // none: no answer comes
    Clock::time_point deadline;
    OnFrame done;
  };
  struct Sent {
    std::int32_t id;
    Clock::time_point sent_at;
    Clock::time_point deadline;
    OnFrame done;  // none: timed out, the answer is still to come
  };

  Weak weak() { return std::static_pointer_cast<AsioPeerConnection>(shared_from_this()); }

  // sending
  static std::vector<std::byte> finish(wire::Writer& writer);
  bool has_room_for(const wire::Writer& writer) const {
    return queued_bytes_ + writer.size() <= options_.send_bytes_max;
  }
  void enqueue(Outgoing outgoing);
  void write();
  void on_written(const SharedLink& link, SystemError error);

  // connecting
  void connect();
  void connect_to(const std::vector<tcp::endpoint>& endpoints);
  void on_connected(const SharedLink& link, SystemError error, const tcp::endpoint& endpoint);
  void on_connect_failed(std::error_code error);
  void set_up(tcp::socket& socket) const;
  void drop_link();
  void back_off(std::function<void()> then);
  void on_lost(std::error_code error);
  void tell(Loss fate);

  // receiving
  void read();
  void on_read(const SharedLink& link, SystemError error, std::size_t count);
  bool take_frames(const SharedLink& link);
  bool take_frame(ByteView payload);
  void malformed();

  // time, and failing
  void watch_deadline(Clock::time_point deadline);
  Clock::time_point earliest_deadline() const;
  void on_deadline();
  void expire_queued(Clock::time_point now);
  bool expire_sent(Clock::time_point now);
  void fail_sent(std::error_code error);
  void fail_queued(std::error_code error);
  void fail_later(OnFrame done, std::error_code error);

  IoThread& thread_;
  const Options options_;
  OnLost on_lost_;
  tcp::resolver resolver_;
  SharedLink link_;                    // null: neither connected nor connecting
  std::optional<tcp::endpoint> last_;  // that it was connected to
  std::deque<Outgoing> queue_;         // not handed to a socket yet
  std::size_t queued_bytes_ = 0;       // in it, and being written
  std::deque<Sent> sent_;              // in the order of their answers
  milliseconds backoff_ = kBackoffMin;
  std::unique_ptr<Timer> backoff_timer_;  // running: no connecting before it
  std::unique_ptr<Timer> connect_timer_;
  std::unique_ptr<Timer> settle_timer_;  // running: connected, and not yet believed
  Clock::time_point hurried_at_{};
  std::unique_ptr<Timer> deadline_timer_;
  Clock::time_point deadline_ = Clock::time_point::max();  // of the timer
  std::int32_t next_id_ = 0;
  bool resolving_ = false;
  Loss fate_ = Loss::alive;  // unknown: connecting to see whether who closed the connection is still there
  bool closed_ = false;
};

// --- sending ---

std::vector<std::byte> AsioPeerConnection::finish(wire::Writer& writer) {
  SLUICE_ASSERT(writer.spliced_size() == 0);
  store_be(writer.mutable_bytes().data(), static_cast<std::int32_t>(writer.size() - kSizePrefix));
  return writer.take();
}

void AsioPeerConnection::enqueue(Outgoing outgoing) {
  const auto deadline = outgoing.deadline;
  queued_bytes_ += outgoing.bytes.size();
  queue_.push_back(std::move(outgoing));
  watch_deadline(deadline);
  if (is_connected()) return write();
  connect();
}

void AsioPeerConnection::write() {
  if (!is_connected() || !link_->writing.empty() || queue_.empty()) return;
  const auto now = Clock::now();
  std::vector<boost::asio::const_buffer> buffers;
  std::size_t bytes = 0;
  while (!queue_.empty() && bytes < kGatheredBytesMax && buffers.size() < kGatheredFramesMax) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    bytes += next.bytes.size();
    link_->writing.push_back(std::move(next.bytes));
    buffers.push_back(boost::asio::buffer(link_->writing.back()));
    if (next.id) sent_.push_back({*next.id, now, next.deadline, std::move(next.done)});
  }
  boost::asio::async_write(link_->socket, buffers, [weak = weak(), link = link_](SystemError error, std::size_t) {
    if (const auto self = weak.lock()) self->on_written(link, error);
  });
}

void AsioPeerConnection::on_written(const SharedLink& link, SystemError error) {
  if (link != link_) return;
  for (const auto& bytes : link->writing) queued_bytes_ -= bytes.size();
  link->writing.clear();
  if (error) return on_lost(error);
  write();
}

// --- connecting ---

void AsioPeerConnection::connect() {
  if (closed_ || link_ || resolving_ || backoff_timer_) return;
  SystemError error;
  const auto address = boost::asio::ip::make_address(options_.address.host, error);
  if (!error) return connect_to({tcp::endpoint{address, options_.address.port}});
  resolving_ = true;
  connect_timer_ = thread_.after(options_.connect_timeout, [this] { resolver_.cancel(); });
  resolver_.async_resolve(options_.address.host, std::to_string(options_.address.port),
                          [weak = weak()](SystemError failed, const tcp::resolver::results_type& found) {
                            const auto self = weak.lock();
                            if (!self) return;
                            self->resolving_ = false;
                            if (self->closed_) return;
                            if (failed) return self->on_connect_failed(failed);
                            self->connect_to({found.begin(), found.end()});
                          });
}

void AsioPeerConnection::connect_to(const std::vector<tcp::endpoint>& endpoints) {
  link_ = std::make_shared<Link>(thread_.context(), options_.receive_bytes_max);
  connect_timer_ = thread_.after(options_.connect_timeout, [this] {
    drop_link();
    on_connect_failed(std::make_error_code(std::errc::timed_out));
  });
  boost::asio::async_connect(link_->socket, endpoints,
                             [weak = weak(), link = link_](SystemError error, const tcp::endpoint& endpoint) {
                               if (const auto self = weak.lock()) self->on_connected(link, error, endpoint);
                             });
}

void AsioPeerConnection::on_connected(const SharedLink& link, SystemError error, const tcp::endpoint& endpoint) {
  if (link != link_) return;
  if (error) {
    drop_link();
    return on_connect_failed(error);
  }
  connect_timer_.reset();
  link->connected = true;
  link->connected_at = Clock::now();
  link->received_at = link->connected_at;
  last_ = endpoint;
  set_up(link->socket);
  if (fate_ != Loss::alive) {
    fate_ = Loss::unknown;
    settle_timer_ = thread_.after(kSettled, [this] {
      const auto timer = std::move(settle_timer_);
      tell(Loss::alive);
    });
  }
  read();
  write();
}

void AsioPeerConnection::set_up(tcp::socket& socket) const {
  SystemError ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMax, sizeof kUnacknowledgedMax);
}

/// Requests fail at once, so that their senders can turn elsewhere; what has no answer waits for the next attempt.
void AsioPeerConnection::on_connect_failed(std::error_code error) {
  connect_timer_.reset();
  back_off([this] {
    if (!queue_.empty()) connect();
  });
  const auto self = shared_from_this();  // whoever is told may let go of this
  fail_queued(error);
  if (fate_ == Loss::unknown && error == std::errc::connection_refused) tell(Loss::gone);
}

void AsioPeerConnection::drop_link() {
  if (!link_) return;
  for (const auto& bytes : link_->writing) queued_bytes_ -= bytes.size();
  SystemError ignored;
  link_->socket.close(ignored);
  link_.reset();
  settle_timer_.reset();
}

/// By its other end, or by the network: looks at once whether anybody is there. Not at once where what it accepts is
/// closed again and again.
void AsioPeerConnection::on_lost(std::error_code error) {
  const bool settled = Clock::now() - link_->connected_at >= kSettled;
  drop_link();
  if (settled) {
    backoff_ = kBackoffMin;
  } else {
    back_off([this] { connect_to({*last_}); });
  }
  const auto self = shared_from_this();  // whoever is told may let go of this
  if (fate_ != Loss::unknown) tell(Loss::unknown);
  fail_sent(error);
  if (settled && !closed_ && !link_ && !resolving_) connect_to({*last_});
}

void AsioPeerConnection::tell(Loss fate) {
  fate_ = fate;
  if (!closed_ && on_lost_) on_lost_(fate);
}

void AsioPeerConnection::back_off(std::function<void()> then) {
  backoff_timer_ = thread_.after(backoff_, [this, then = std::move(then)] {
    const auto timer = std::move(backoff_timer_);
    then();
  });
  backoff_ = std::min(backoff_ * kBackoffGrowth, kBackoffMax);
}

// --- receiving ---

void AsioPeerConnection::read() {
  auto& link = *link_;
  if (link.in.growth_wanted() > 0) {
    link.in.grow();
    link.large_frame_at = Clock::now();
  } else if (link.in.grown_by() > 0 && link.in.empty() && Clock::now() - link.large_frame_at > kLargeBufferKept) {
    link.in.shrink();
  }
  const auto room = link.in.room();
  link.socket.async_read_some(boost::asio::buffer(room.data(), room.size()),
                              [weak = weak(), shared = link_](SystemError error, std::size_t count) {
                                if (const auto self = weak.lock()) self->on_read(shared, error, count);
                              });
}

void AsioPeerConnection::on_read(const SharedLink& link, SystemError error, std::size_t count) {
  if (link != link_) return;
  if (error)
    return on_lost(error == boost::asio::error::eof ? make_error_code(std::errc::connection_reset)
                                                    : std::error_code{error});
  link->received_at = Clock::now();
  link->in.received(count);
  if (take_frames(link)) read();
}

/// False: the link is not to be read any more.
bool AsioPeerConnection::take_frames(const SharedLink& link) {
  for (;;) {
    const auto next = link->in.next();
    if (next.status == ReceiveBuffer::Status::incomplete) return true;
    if (next.status != ReceiveBuffer::Status::frame || !take_frame(next.payload)) {
      if (link == link_) malformed();
      return false;
    }
    if (link != link_) return false;  // closed by whoever was answered
    link->in.release();
  }
}

bool AsioPeerConnection::take_frame(ByteView payload) {
  wire::Reader reader{payload};
  const auto id = reader.int32();
  if (!reader.ok() || sent_.empty() || sent_.front().id != id) return false;
  auto done = std::move(sent_.front().done);
  sent_.pop_front();
  return !done || done(&reader);
}

void AsioPeerConnection::malformed() {
  drop_link();
  back_off([this] {
    if (!queue_.empty()) connect();
  });
  fail_sent(std::make_error_code(std::errc::bad_message));
}

// --- time, and failing ---

Clock::time_point AsioPeerConnection::earliest_deadline() const {
  auto earliest = Clock::time_point::max();
  for (const auto& queued : queue_) earliest = std::min(earliest, queued.deadline);
  for (const auto& sent : sent_) {
    if (sent.done) earliest = std::min(earliest, sent.deadline);
  }
  return earliest;
}

/// The timer may be early: what it was for may have been answered. Then it is set anew.
void AsioPeerConnection::watch_deadline(Clock::time_point deadline) {
  if (deadline == Clock::time_point::max() || (deadline_timer_ && deadline_ <= deadline)) return;
  deadline_ = deadline;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  deadline_timer_ = thread_.after(std::max(left, milliseconds{0}), [this] {
    const auto timer = std::move(deadline_timer_);
    on_deadline();
  });
}

void AsioPeerConnection::on_deadline() {
  const auto self = shared_from_this();
  const auto now = Clock::now();
  const bool is_dead = expire_sent(now);
  expire_queued(now);
  if (closed_) return;
  if (is_dead && link_) {
    drop_link();
    fate_ = Loss::unknown;
    fail_sent(std::make_error_code(std::errc::timed_out));
    if (!closed_ && !queue_.empty()) connect();
  }
  if (!closed_) watch_deadline(earliest_deadline());
}

void AsioPeerConnection::expire_queued(Clock::time_point now) {
  std::vector<OnFrame> late;
  std::erase_if(queue_, [&](Outgoing& queued) {
    if (queued.deadline > now) return false;
    queued_bytes_ -= queued.bytes.size();
    if (queued.done) late.push_back(std::move(queued.done));
    return true;
  });
  for (const auto& done : late) done(std::make_error_code(std::errc::timed_out));
}

/// True: nothing came back since one of those that are late was sent. Else the other end lives, and is slow.
bool AsioPeerConnection::expire_sent(Clock::time_point now) {
  std::vector<OnFrame> late;
  bool is_dead = false;
  for (auto& sent : sent_) {
    if (sent.deadline > now || !sent.done) continue;
    is_dead = is_dead || (link_ && link_->received_at <= sent.sent_at);
    late.push_back(std::exchange(sent.done, nullptr));
  }
  for (const auto& done : late) done(std::make_error_code(std::errc::timed_out));
  return is_dead;
}

void AsioPeerConnection::fail_sent(std::error_code error) {
  for (auto& sent : std::exchange(sent_, {})) {
    if (sent.done) sent.done(error);
  }
}

void AsioPeerConnection::fail_queued(std::error_code error) {
  std::deque<Outgoing> failing;
  for (auto& queued : std::exchange(queue_, {})) {
    if (queued.done || closed_) {
      queued_bytes_ -= queued.bytes.size();
      failing.push_back(std::move(queued));
    } else {
      queue_.push_back(std::move(queued));
    }
  }
  for (const auto& failed : failing) {
    if (failed.done) failed.done(error);
  }
}

void AsioPeerConnection::fail_later(OnFrame done, std::error_code error) {
  thread_.post([done = std::move(done), error] { done(error); });
}

}  // namespace

std::shared_ptr<PeerConnection> PeerConnection::make(IoThread& thread, Options options, OnLost on_lost) {
  return std::make_shared<AsioPeerConnection>(thread, std::move(options), std::move(on_lost));
}

bool PeerConnection::take_response_header(wire::Reader& reader, bool tagged) {
  if (!tagged) return true;
  for (auto count = reader.varint(); count > 0 && reader.ok(); --count) {
    reader.varint();  // the tag
    reader.raw(reader.varint());
  }
  return reader.ok();
}

}  // namespace sluice::broker::peer
