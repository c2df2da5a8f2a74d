"""Producers and consumers, each a process, and what they tell (see stream.py)."""

import collections
import json
import os
import signal
import subprocess
import time

from harness import toolchain
from rows.client_rows import confluent_newest, debian_module

STREAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream.py")
READY_SECONDS = 60


def librdkafka():
    return [debian_module("confluent_kafka", "python3-confluent-kafka"), STREAM]


def librdkafka_newest():
    """From 2.1 on it takes no leader from metadata that is older than what it knows, as a node that is cut off tells it."""
    return [confluent_newest()[0], STREAM]


def java():
    return ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", toolchain.java_classes(), "Stream"]


class Worker:
    """A process that writes its events to a file. Context manager."""

    def __init__(self, cluster, command, verb, name, topic, partitions, **config):
        self.name, self.verb = name, verb
        self.path = os.path.join(cluster.home, f"{verb}-{name}.events")
        config = {"bootstrap": cluster.bootstrap, "topic": topic, "partitions": partitions, "name": name, **config}
        self._seen = 0
        self._partial = b""
        self.events = []
        with open(self.path, "wb") as events, open(self.path + ".stderr", "wb") as complaints:
            self.process = subprocess.Popen(
                cluster.client_command([*command, verb, json.dumps(config)]),
                stdin=subprocess.DEVNULL, stdout=events, stderr=complaints, start_new_session=True,
            )

    def look(self):
        """Takes in what was written since the last time; returns the new events."""
        with open(self.path, "rb") as file:
            file.seek(self._seen)
            data = file.read()
        self._seen += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        fresh = [json.loads(line) for line in lines if line.startswith(b"{")]
        self.events += fresh
        return fresh

    def await_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while not self.events:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.verb}r {self.name} does not start: {self.complaints()}")
            time.sleep(0.05)
            self.look()

    def stop(self, timeout=120):
        """SIGTERM: a producer flushes first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self.look()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def complaints(self):
        with open(self.path + ".stderr", errors="replace") as file:
            return file.read()[-1500:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def await_read(producers, consumers, seconds):
    """Gives the consumers time to read all that was acknowledged; what they have not is the checker's to tell."""
    wanted = collections.Counter()
    for worker in producers:
        for event in worker.events:
            if event["event"] == "ack":
                wanted[event["p"]] = max(wanted[event["p"]], event["o"])
    reached = {worker: collections.Counter({event["p"]: event["o"] for event in worker.events if event["event"] == "read"})
               for worker in consumers}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for worker in consumers:
            for event in worker.look():
                if event["event"] == "read":
                    reached[worker][event["p"]] = event["o"]
        if all(found[partition] >= offset for found in reached.values() for partition, offset in wanted.items()):
            return
        time.sleep(0.1)
