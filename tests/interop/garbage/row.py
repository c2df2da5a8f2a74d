"""A hundred connections feed garbage to the broker while an honest producer and consumer go on."""

import collections
import os
import random
import socket
import threading
import time

from garbage.frames import KINDS
from harness import checks, wire
from harness.checks import expect
from harness.client import Client
from harness.report import Report
from rows.client_rows import referee_command

CONNECTIONS = 100
MEMORY_LIMIT = 256 << 20  # how much the highest resident size may lie above that at the start


class Attack:
    """CONNECTIONS threads, each of which connects, sends one kind of garbage, and does it again, until stopped."""

    def __init__(self, bootstrap, seed):
        self.address = wire.split_address(bootstrap)
        self.apis = wire.api_versions(bootstrap)
        self.sent = collections.Counter()
        self.refused = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed}-{index}"),), daemon=True)
            for index in range(CONNECTIONS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, rng):
        while not self._stop.is_set():
            kind = rng.choice(KINDS)
            try:
                sock = socket.create_connection(self.address, timeout=5)
            except OSError:
                self.refused += 1
                time.sleep(0.1)
                continue
            with sock:
                self.sent[kind.__name__] += 1
                try:
                    kind(sock, rng, self.apis)
                except OSError:
                    pass  # the broker closed it or has no more to say, as it may


class Garbage:
    name = "garbage"
    summary = "100 connections of garbage beside an honest producer and consumer"

    def run(self, context):
        report = Report(self.name, "row")
        seconds = 120 if context.full else 20
        seed = os.environ.get("SLUICE_INTEROP_SEED") or str(random.randrange(1 << 32))
        report.fact(f"seed {seed}, {seconds} s (SLUICE_INTEROP_SEED repeats it)")
        with context.broker() as broker, Client(referee_command(), broker.bootstrap) as judge:
            bench = checks.Bench(judge, judge, self.name)
            before = Usage(broker)
            attack = Attack(broker.bootstrap, seed)
            report.check("honest clients go on", lambda: self._under_attack(report, attack, bench, seconds))
            report.fact(f"{sum(attack.sent.values())} connections of garbage: {dict(sorted(attack.sent.items()))}")
            report.check("no connection was refused", lambda: expect(not attack.refused, f"{attack.refused} were"))
            report.check("the broker answers afterwards", lambda: send_and_fetch(bench, bench.topic(1), 0))
            if broker.owned:
                report.check("the process survived", lambda: expect(broker.alive(), broker.log_tail()))
                report.check("memory stayed bounded", lambda: before.check_memory(report))
                report.check("connections were given back", lambda: before.check_descriptors(report))
        return report

    @staticmethod
    def _under_attack(report, attack, bench, seconds):
        topic, first, slowest = bench.topic(1), 0, 0.0
        deadline = time.monotonic() + seconds
        with attack:
            while time.monotonic() < deadline:
                started = time.monotonic()
                first += send_and_fetch(bench, topic, first)
                slowest = max(slowest, time.monotonic() - started)
        report.fact(f"honest clients moved {first} records meanwhile, the slowest round of 500 took {slowest:.2f} s")


def send_and_fetch(bench, topic, first):
    """500 records there and back; `first` is the offset of the first."""
    records = checks.plain_records(500, tag=f"r{first}-")
    bench.fill(topic, 0, records, "lz4")
    checks.expect_same(bench.fetch(topic, 0, first, 500), records, f"from offset {first}", first_offset=first)
    return len(records)


class Usage:
    """What the broker's process held before the attack, and what it may hold later."""

    def __init__(self, broker):
        self.broker = broker
        if broker.owned:
            self.memory, _ = broker.memory()
            self.descriptors = self._count()

    def _count(self):
        return len(os.listdir(f"/proc/{self.broker.pid}/fd"))

    def check_memory(self, report):
        now, highest = self.broker.memory()
        report.fact(f"resident MiB before {self.memory >> 20}, highest {highest >> 20}, after {now >> 20}")
        expect(highest - self.memory < MEMORY_LIMIT, f"grew by {(highest - self.memory) >> 20} MiB")

    def check_descriptors(self, report):
        checks.eventually(lambda: self._count() <= self.descriptors + 20, seconds=30)
        report.fact(f"file descriptors before {self.descriptors}, after {self._count()}")
