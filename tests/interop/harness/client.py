"""Drives a client program: one JSON request per line on its stdin, one JSON answer per line on its stdout."""

import base64
import json
import os
import selectors
import subprocess
import time


class ClientError(Exception):
    pass


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def record(value, key=None, headers=(), timestamp=None):
    """A record as requests carry it. `headers` are (name, bytes or None) pairs, `timestamp` is in milliseconds."""
    return {
        "key": encode(key),
        "value": encode(value),
        "headers": [[name, encode(data)] for name, data in headers],
        "timestamp": timestamp,
    }


class Client:
    """A running client program. Its vocabulary is described in README.md."""

    def __init__(self, command, bootstrap, environment=None):
        self.process = subprocess.Popen(
            [*command, bootstrap],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self._stderr = bytearray()
        self._pending = bytearray()
        os.set_blocking(self.process.stdout.fileno(), False)
        os.set_blocking(self.process.stderr.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.process.stdout, selectors.EVENT_READ)
        self._selector.register(self.process.stderr, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, operation, timeout=60, **arguments):
        """The answer of one request; raises ClientError with the program's own message if it failed."""
        try:
            self.process.stdin.write(json.dumps({"op": operation, **arguments}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ClientError(f"the client program has ended{self._complaints()}")
        answer = json.loads(self._read_line(operation, timeout))
        if not answer.get("ok"):
            raise ClientError(f"{answer.get('error', 'no error text')}{self._complaints()}")
        return answer

    def _read_line(self, operation, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                self.process.kill()
                raise ClientError(f"no answer to {operation} within {timeout} s{self._complaints()}")
            for key, _ in self._selector.select(left):
                data = os.read(key.fd, 1 << 20)
                if not data:
                    self._selector.unregister(key.fileobj)
                    if key.fileobj is self.process.stdout:
                        raise ClientError(f"the client program ended during {operation}{self._complaints()}")
                (self._pending if key.fileobj is self.process.stdout else self._stderr).extend(data)
        line, _, rest = bytes(self._pending).partition(b"\n")
        self._pending = bytearray(rest)
        return line

    def _complaints(self):
        text = self._stderr.decode(errors="replace").strip()
        self._stderr.clear()
        return f"\n{text[-1500:]}" if text else ""
