"""What the Python workers share: their configuration, and the events that they write (see rebalance/worker.py)."""

import json
import signal
import sys
import threading
import time


def configuration():
    return json.loads(sys.argv[1])


class Events:
    """Writes events, each in one write."""

    def __init__(self):
        self._commits = 0
        self._lock = threading.Lock()

    def write(self, kind, **fields):
        line = json.dumps({"t": time.monotonic() * 1000, "e": kind, **fields})
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def record(self, partition, offset, value):
        self.write("record", p=partition, o=offset, v=int(value))

    def commit(self, offsets):
        """The id of a commit that is about to be sent."""
        self._commits += 1
        self.write("commit", id=self._commits, offsets=offsets)
        return self._commits

    def committed(self, identity):
        self.write("committed", id=identity)

    def refused(self, identity, error, rebalancing):
        self.write("refused", id=identity, error=str(error), rebalancing=rebalancing)

    def unsure(self, identity, error):
        self.write("unsure", id=identity, error=str(error))


def until_terminated():
    """An event that SIGTERM sets."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    return ended
