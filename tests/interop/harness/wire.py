"""The few bytes of the Kafka protocol that the harness itself needs: ApiVersions, and frames for the garbage row."""

import socket
import struct

PRODUCE, FETCH, METADATA, JOIN_GROUP, API_VERSIONS = 0, 1, 3, 11, 18


def request(api_key, version, body, correlation=1, client="sluice-interop"):
    """A whole frame with request header v1."""
    name = client.encode()
    payload = struct.pack(">hhih", api_key, version, correlation, len(name)) + name + body
    return struct.pack(">i", len(payload)) + payload


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionError(f"connection closed after {len(data)} of {count} bytes")
        data += piece
    return data


def read_frame(sock):
    (size,) = struct.unpack(">i", read_exactly(sock, 4))
    return read_exactly(sock, size)


def split_address(bootstrap):
    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    return host, int(port)


def api_versions(bootstrap, timeout=5.0):
    """{api key: (lowest, highest version)} as the server at `bootstrap` advertises it."""
    with socket.create_connection(split_address(bootstrap), timeout=timeout) as sock:
        sock.sendall(request(API_VERSIONS, 0, b""))
        body = read_frame(sock)
    _, error, count = struct.unpack_from(">ihi", body)
    if error:
        raise RuntimeError(f"ApiVersions answered with error {error}")
    entries = struct.iter_unpack(">hhh", body[10 : 10 + 6 * count])
    return {key: (low, high) for key, low, high in entries}
