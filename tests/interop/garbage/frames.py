"""Kinds of garbage that a connection can feed to a broker. Each is a function (socket, random, api versions) that sends
it; the broker may close the connection at any point."""

import socket
import struct
import time

from harness import wire

BIGGEST_FRAME = 100 << 20  # the default of socket.request.max.bytes
HOLD_SECONDS = 0.3


def random_bytes(sock, rng, _apis):
    sock.sendall(rng.randbytes(rng.randrange(1, 65536)))


def impossible_length(sock, rng, _apis):
    """Negative, zero, or more than any broker takes."""
    length = rng.choice([-1, 0, 3, -(1 << 31), (1 << 31) - 1, BIGGEST_FRAME + 1])
    sock.sendall(struct.pack(">i", length) + rng.randbytes(100))


def promised_length(sock, rng, _apis):
    """A frame that would be allowed is announced, a little of it comes, and then nothing: no memory may be set aside."""
    header = struct.pack(">hhih", wire.PRODUCE, 9, 1, -1)
    sock.sendall(struct.pack(">i", rng.randrange(50 << 20, BIGGEST_FRAME)) + header + rng.randbytes(1000))
    time.sleep(HOLD_SECONDS)


def slow_header(sock, rng, _apis):
    """Half a length, then silence."""
    sock.sendall(b"\0\0")
    time.sleep(HOLD_SECONDS)


def truncated_frame(sock, rng, apis):
    frame = _random_request(rng, apis, rng.randbytes(2000))
    sock.sendall(frame[: rng.randrange(1, len(frame))])


def random_body(sock, rng, apis):
    """A valid header of an API that the broker has, and a body that means nothing."""
    sock.sendall(_random_request(rng, apis, rng.randbytes(rng.randrange(0, 2000))))
    _drain(sock)


def huge_counts(sock, rng, apis):
    """Array and string lengths far beyond the frame."""
    piece = rng.choice([b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff\x07", b"\x7f\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
    prefix = rng.choice([b"", b"\0", b"\xff\xff", b"\0\0\0\1", rng.randbytes(8)])
    sock.sendall(_random_request(rng, apis, prefix + piece * rng.randrange(1, 50)))
    _drain(sock)


def unknown_request(sock, rng, _apis):
    key, version = rng.choice([(-1, 0), (999, 0), (32767, 32767), (0, -1), (1, 99), (18, 99), (3, -32768)])
    sock.sendall(wire.request(key, version, rng.randbytes(50)))
    _drain(sock)


def broken_batches(sock, rng, apis):
    """Produce requests whose records are noise behind a believable batch header."""
    records = struct.pack(">qiibI", 0, 500, -1, 2, rng.randrange(1 << 32)) + rng.randbytes(rng.randrange(0, 600))
    topic = b"interop-garbage-target"
    body = struct.pack(">hhi", -1, -1, 1000) + struct.pack(">ih", 1, len(topic)) + topic
    body += struct.pack(">iii", 1, 0, len(records)) + records
    sock.sendall(wire.request(wire.PRODUCE, rng.choice([3, 7, 8]), body))
    _drain(sock)


def good_then_bad(sock, rng, apis):
    """Pipelined: two requests that are answered, then noise."""
    good = wire.request(wire.API_VERSIONS, 0, b"")
    sock.sendall(good + good + rng.randbytes(500))
    _drain(sock)


def many_tiny_frames(sock, rng, _apis):
    sock.sendall(struct.pack(">ih", 2, 18) * 2000)


def never_reads(sock, rng, _apis):
    """Asks for many answers and takes none."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(HOLD_SECONDS)
    for _ in range(200):
        sock.sendall(wire.request(wire.API_VERSIONS, 0, b"") * 20)


def reset(sock, rng, apis):
    """Half a request, and the connection is torn down with RST."""
    frame = _random_request(rng, apis, rng.randbytes(500))
    sock.sendall(frame[: len(frame) // 2])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _random_request(rng, apis, body):
    key = rng.choice(sorted(apis))
    return wire.request(key, rng.randint(*apis[key]), body)


def _drain(sock):
    """Takes what the broker answers until it closes or says nothing more."""
    sock.settimeout(HOLD_SECONDS)
    while sock.recv(65536):
        pass


KINDS = (
    random_bytes,
    impossible_length,
    promised_length,
    slow_header,
    truncated_frame,
    random_body,
    huge_counts,
    unknown_request,
    broken_batches,
    good_then_bad,
    many_tiny_frames,
    never_reads,
    reset,
)
