#!/usr/bin/python3
"""Three nodes beside Kafka's three nodes: throughput, latency, CPU, outages, catching up, topics, partitions, failover.

  cluster.py --sluiced PROGRAM [--targets TARGET,...] [--workloads load,outages,catch-up,topics,partitions] [--runs 1]
             [--events 3] [--failovers 2] [--directory DIR] [--small]

A target is sluice or kafka, and how durable: sluice/os, kafka/os, sluice/fsync, kafka/fsync; KIND/DURABILITY:load+topics for
a part of the workloads. os: an acknowledged record is in the page cache of the nodes in sync, which is Kafka's default and
sluice.durability=os. fsync: it is on their disks, which is Sluice's default and log.flush.interval.messages=1 in Kafka.
Targets follow one another, each a cluster on loopback from the same KRaft properties (three combined nodes, 3 replicas,
min.insync.replicas 2, default sessions), and the table has the ratio of each to the Kafka of its durability. Kafka comes
from the jars of the interop suite's Kafka tools (a JDK, and Maven the first time); librdkafka-dev makes the client.

load: acks=all, 6 partitions, 1 KiB, librdkafka: as fast as it goes with linger 5 ms, and at --rate with linger 0, the time
from produce() to the answer. Before it, --warmup rounds of both with --warmup-mb. CPU is utime + stime of the three
processes; GB = 1e9 bytes of payload, which are replicated three times.
outages: a librdkafka producer with acks=all and idempotence sends 300 records a second to 6 partitions and gives a request
up after 1 s; one event is done to a node, and the longest time without an acknowledgement in a partition is taken. A pause
lasts until another node leads, at most 30 s.
catch-up: a follower is stopped, --catch-up-mb are written, it is started: from when it answers until it is in sync.
topics: --topics topics of one partition and three replicas in requests of 100, one after the other, until the answer to the
last, and until every node has heard of a leader for each.
partitions: with those, --partitions in all; CPU of the idle cluster over --idle-seconds; then --failovers times SIGKILL of the
controller: until another node makes a topic, until all partitions have another leader, and until it is back in sync.
Where there are several values the table has their median and, in brackets, the highest. A workload that takes longer than
--limit seconds is given up and the next one gets a new cluster; after --minutes all that is left is left out, and the table
shows what there is. --small: a tenth as large, to see whether it works.
"""
import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "interop")]

import cluster_workloads  # noqa: E402
from cluster_outages import outages  # noqa: E402
from cluster_workloads import catch_up, load, partitions, topics, warm_up  # noqa: E402
from harness.cluster import Cluster  # noqa: E402

DURABILITY = {
    ("sluice", "os"): {"sluice.durability": "os"},
    ("sluice", "fsync"): {},
    ("kafka", "os"): {},
    ("kafka", "fsync"): {"log.flush.interval.messages": "1"},
}
WORKLOADS = {"load": load, "outages": outages, "catch-up": catch_up, "topics": topics, "partitions": partitions}
NEEDS_WARMTH = ("load", "outages", "catch-up")


class Overdue(Exception):
    pass


def overdue(*_):
    raise Overdue("took too long")


def say(text):
    print(text, file=sys.stderr, flush=True)


def arm(options):
    """What comes now may last as long as a workload may, and as long as the whole may."""
    left = int(options.deadline - time.monotonic())
    if left <= 0:
        raise Overdue("no time is left")
    signal.alarm(min(options.limit, left))


class Target:
    """A kind of cluster and what is asked of it."""

    def __init__(self, text, workloads):
        self.name, _, part = text.partition(":")
        self.kind, self.durability = self.name.split("/")
        self.settings = DURABILITY[self.kind, self.durability]
        self.workloads = part.split("+") if part else workloads
        self.figures = {}

    def measure(self, options):
        left = list(self.workloads)
        while left:
            self._measure(options, left)

    def _measure(self, options, left):
        """One cluster for all workloads, unless one fails: it is left out, and the rest is left for the next cluster."""
        cluster = Cluster(options.sluiced, 3, settings=self.settings, kind=self.kind, home=options.directory, heap=options.heap)
        workload = left[0]
        try:
            arm(options)
            with cluster:
                if any(name in NEEDS_WARMTH for name in left):
                    warm_up(options, cluster)
                while left:
                    workload = left[0]
                    arm(options)
                    started, known = time.monotonic(), set(self.figures)
                    WORKLOADS[workload](options, cluster, self.figures)
                    found = {name: [round(value, 4) for value in values] for name, values in self.figures.items() if name not in known}
                    say(f"{self.name} {workload} ({time.monotonic() - started:.0f} s): {found}")
                    left.pop(0)
                arm(options)
        except Exception as error:  # the figures so far are worth printing
            say(f"{self.name} {workload} has failed: {type(error).__name__}: {error}")
            say(f"its files: {cluster.home}")
            if left:
                left.pop(0)
        finally:
            signal.alarm(0)
            cluster.kill()


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def cell(values):
    if not values:
        return "-"
    return number(statistics.median(values)) + (f" ({number(max(values))})" if len(values) > 1 else "")


def show(targets):
    figures = {target.name: target.figures for target in targets}
    names = list(figures)
    pairs = [(name, f"kafka/{name.split('/')[1]}") for name in names if not name.startswith("kafka")]
    pairs = [pair for pair in pairs if pair[1] in names]
    print("| figure | " + " | ".join(names) + "".join(f" | {one} : {other}" for one, other in pairs) + " |")
    print("|---" * (1 + len(names) + len(pairs)) + "|")
    for figure in dict.fromkeys(figure for found in figures.values() for figure in found):
        cells = [cell(found.get(figure)) for found in figures.values()]
        for one, other in pairs:
            ours, theirs = (statistics.median(figures[name].get(figure) or [0]) for name in (one, other))
            cells.append(f"{ours / theirs:.2f}" if ours and theirs else "-")
        print(f"| {figure} | " + " | ".join(cells) + " |", flush=True)


def parse():
    words = lambda text: [part for part in text.split(",") if part]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluiced", help="the program")
    parser.add_argument("--targets", type=words, default=["sluice/os", "sluice/fsync:load", "kafka/os"])
    parser.add_argument("--workloads", type=words, default=list(WORKLOADS))
    parser.add_argument("--only", default="", help="only outages whose name has this text")
    parser.add_argument("--runs", type=int, default=1, help="of load and catch-up")
    parser.add_argument("--events", type=int, default=3, help="of each kind of outage")
    parser.add_argument("--failovers", type=int, default=2, help="of the controller, with all partitions")
    parser.add_argument("--warmup", type=int, default=2, help="rounds before measuring")
    parser.add_argument("--warmup-mb", type=int, default=1000)
    parser.add_argument("--load-mb", type=int, default=1500)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help="at that rate")
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--partitions", type=int, default=10_000)
    parser.add_argument("--idle-seconds", type=float, default=15)
    parser.add_argument("--catch-up-mb", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=420, help="seconds that a workload may take")
    parser.add_argument("--minutes", type=float, default=20, help="that all may take")
    parser.add_argument("--heap", default="1g", help="of each of Kafka's nodes")
    parser.add_argument("--directory", help="where the data is, below a new directory")
    parser.add_argument("--keep", action="store_true", help="the files of all clusters, which else go after the table")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if options.small:
        options.events = options.warmup = options.failovers = 1
        options.warmup_mb = options.load_mb = options.catch_up_mb = 100
        options.topics, options.partitions = 100, 500
        options.seconds, options.idle_seconds = 5, 5
    try:
        options.targets = [Target(text, options.workloads) for text in options.targets]
    except (KeyError, ValueError):
        parser.error("a target is sluice or kafka, then /os or /fsync")
    unknown = {name for target in options.targets for name in target.workloads} - WORKLOADS.keys()
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}")
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended on the way out
    signal.signal(signal.SIGALRM, overdue)
    own = tempfile.mkdtemp(prefix="cluster-bench-", dir=options.directory and os.path.abspath(options.directory))
    try:
        options.client = cluster_workloads.compile_client(own)
        options.directory = own
        started = time.monotonic()
        options.deadline = started + 60 * options.minutes
        for target in options.targets:
            began = time.monotonic()
            target.measure(options)
            say(f"{target.name}: {time.monotonic() - began:.0f} s")
        show(options.targets)
        say(f"{time.monotonic() - started:.0f} s in all")
    finally:
        # Not sooner: a disk is busy for minutes with a hundred thousand files that go.
        if not options.keep:
            say(f"removing {own}")
            shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main()
