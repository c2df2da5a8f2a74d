#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::client {

/// One blocking TCP connection that speaks the protocol: a request out, its response back. No retries, no metadata:
/// for tools and tests, and what a real client is built over.
class WireConnection {
 public:
  /// Errors: of the system, timed_out included.
  static Result<WireConnection> open(const std::string& host, std::uint16_t port,
                                     std::chrono::milliseconds timeout = std::chrono::seconds{10});
  WireConnection(WireConnection&& other) noexcept;
  WireConnection& operator=(WireConnection&& other) noexcept;
  ~WireConnection();

  void set_client_id(std::string client_id) { client_id_ = std::move(client_id); }

  /// Sends `request` in `version` and decodes the answer. Errors: of the system; bad_message when the answer does not
  /// parse or belongs to another request.
  template <class Api>
  Result<typename Api::Response> call(const typename Api::Request& request, std::int16_t version) {
    if (const auto sent = send<Api>(request, version); !sent) return sent.error();
    return receive<Api>(version);
  }

  /// The two halves of `call`, to have several requests under way.
  template <class Api>
  Result<> send(const typename Api::Request& request, std::int16_t version) {
    wire::Writer writer;
    begin_frame(writer, static_cast<std::int16_t>(Api::key), version, version >= Api::first_flexible);
    encode(request, version, writer);
    return send_frame(writer);
  }
  template <class Api>
  Result<typename Api::Response> receive(std::int16_t version) {
    auto frame = receive_frame();
    if (!frame) return frame.error();
    wire::Reader reader{MutableBytes{*frame}};
    const bool tagged = Api::key != protocol::ApiKey::api_versions && version >= Api::first_flexible;
    typename Api::Response response;
    if (!take_header(reader, tagged) || !decode(reader, version, response) || !reader.ok()) return bad_message();
    received_ = std::move(*frame);  // records of the response point into it
    return response;
  }

  /// As they are, for tests of what a server makes of anything.
  Result<> send_bytes(ByteView bytes);
  /// A frame's payload; nothing is checked. Errors: connection_reset when the server closed.
  Result<std::vector<std::byte>> receive_frame();

 private:
  explicit WireConnection(int socket) noexcept : socket_(socket) {}

  void begin_frame(wire::Writer& writer, std::int16_t key, std::int16_t version, bool flexible);
  Result<> send_frame(wire::Writer& writer);
  bool take_header(wire::Reader& reader, bool tagged);
  Result<> receive_bytes(MutableBytes into);
  static std::error_code bad_message();

  int socket_ = -1;
  std::string client_id_ = "sluice";
  std::int32_t sent_ = 0;      // correlation id of the last request
  std::int32_t answered_ = 0;  // and of the last answer: they come in order
  std::vector<std::byte> received_;
};

}  // namespace sluice::client
