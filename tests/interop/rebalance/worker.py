"""A worker: a client program that is a member of a group for as long as it runs.

It is started with one argument, a JSON object: bootstrap, topic, group, strategy (range, cooperative-sticky, ... or
consumer for the protocol of KIP-848), instance (group.instance.id or null), session_ms, heartbeat_ms. SIGTERM makes it
leave and exit with status 0. It processes a record by writing a line about it, commits after each batch and when
partitions are taken from it, and writes one JSON object per line. `t` is CLOCK_MONOTONIC in milliseconds.

    {"t", "e": "version", "version"}                                 the first one; SIGTERM is taken from then on
    {"t", "e": "assigned", "partitions": added ones, "generation": generation or member epoch, or null}
    {"t", "e": "revoked" or "lost", "partitions": removed ones}
    {"t", "e": "record", "p": partition, "o": offset, "v": number in the value}
    {"t", "e": "commit", "id", "offsets": {partition: offset}}      before it is sent
    {"t", "e": "committed" or "unsure", "id"}                        unsure: neither accepted nor refused
    {"t", "e": "refused", "id", "error", "rebalancing": true where only a rebalance was in its way}
    {"t", "e": "note", "text"}                                       for people
"""

import json
import os
import signal
import subprocess
import threading
import time

from rebalance.history import Event

EXIT_SECONDS = 20


def now_ms():
    return time.monotonic() * 1000  # CLOCK_MONOTONIC


class Worker:
    """A running worker program. Only ever signalled by its own pid."""

    def __init__(self, name, command, config, log_path, on_event):
        """Events of the program go to `on_event`, on a thread of this worker's."""
        self.name = name
        self.state = "running"  # or stopped, ended
        self._log = open(log_path, "ab")
        self._on_event = on_event
        self.process = subprocess.Popen(
            [*command, json.dumps(config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                fields = json.loads(line)
                event = Event(fields.pop("t"), self.name, fields.pop("e"), fields)
            except (ValueError, KeyError):
                # A killed worker's last line may be torn.
                self._log.write(b"not an event: " + line)
                continue
            self._on_event(event)
            self._ready.set()
        self._ready.set()  # it has ended

    def leave(self):
        """SIGTERM, and it must leave by itself. Returns a complaint, or None."""
        self._ready.wait(EXIT_SECONDS)
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not leave within {EXIT_SECONDS} s of SIGTERM"
        self._ended("exited")
        return None if status == 0 else f"{self.name} ended with status {status} after SIGTERM"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._ended("killed")

    def _ended(self, kind):
        time_of_death = now_ms()
        self._reader.join(10)
        self.state = "ended"
        self._on_event(Event(time_of_death, self.name, kind))
        self._log.close()

    def stop(self):
        """SIGSTOP."""
        self._on_event(Event(now_ms(), self.name, "stopped"))
        os.kill(self.process.pid, signal.SIGSTOP)
        self.state = "stopped"

    def resume(self):
        self.state = "running"
        self._on_event(Event(now_ms(), self.name, "continued"))
        os.kill(self.process.pid, signal.SIGCONT)

    def ended_by_itself(self):
        return self.state == "running" and self.process.poll() is not None
