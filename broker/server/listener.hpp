#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "broker/server/io_thread.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker {

/// Accepts connections on one address and hands each, with its socket, to the next io thread in turn.
class Listener {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  /// Called on the listener's own io thread with a socket that belongs to `thread`.
  using OnAccept = std::function<void(Socket socket, IoThread& thread)>;
  using NextThread = std::function<IoThread&()>;

  Listener(std::string name, IoThread& home, NextThread next_thread, OnAccept on_accept);

  /// Binds and listens; `host` empty: every interface, IPv6 too; `port` 0: any.
  Result<> open(const std::string& host, std::uint16_t port, int backlog);
  void start();
  void stop();  ///< on the home thread

  const std::string& name() const noexcept { return name_; }
  std::uint16_t port() const;

 private:
  void accept();

  std::string name_;
  IoThread& home_;
  NextThread next_thread_;
  OnAccept on_accept_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::unique_ptr<Timer> retry_;
};

}  // namespace sluice::broker
