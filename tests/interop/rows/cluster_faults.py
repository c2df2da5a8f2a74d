"""Three nodes under every fault that processes, disks and networks know, while producers and consumers work: nothing that
was acknowledged is lost, duplicated or reordered, and the replicas are the same in the end.

SLUICE_CLUSTER_FAULTS says how many faults (12; 500 with --full, over 3 and 5 nodes), SLUICE_INTEROP_SEED repeats a run,
SLUICE_CLUSTER_KINDS=kill,pause,... picks kinds, SLUICE_INTEROP_CLUSTER=kafka plays the same to Apache Kafka."""

import collections
import contextlib
import os
import random
import statistics
import time

from cluster_faults import nemesis, workers
from cluster_faults.checker import History
from cluster_faults.replicas import differences
from harness.checks import expect
from harness.mounts import PrivateMounts
from harness.network import Loopback, PrivateNetwork
from harness.report import Report
from harness.toolchain import Skip

TOPIC, PARTITIONS = "faults", 6
RATE = 150  # records a second and producer
DISK = 1 << 30
HEAL_SECONDS = 60
# The sessions are short, so that a short pause is long enough to lose leadership.
SETTINGS = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500", "replica.lag.time.max.ms": "4000"}


class ClusterFaults:
    name = "cluster-faults"
    summary = "a cluster under kills, pauses, partitions, full disks and restarts, with a checker after Jepsen's"

    def run(self, context):
        report = Report(self.name, "row")
        for count in (3, 5) if context.full else (3,):
            cycles = int(os.environ.get("SLUICE_CLUSTER_FAULTS", "250" if context.full else "12"))
            self._play(context, report, count, cycles)
        return report

    def _play(self, context, report, count, cycles):
        seed = int(os.environ.get("SLUICE_INTEROP_SEED") or random.randrange(1 << 30))
        report.fact(f"{count} nodes, seed {seed}")
        with contextlib.ExitStack() as stack:
            network = stack.enter_context(self._network(report))
            cluster = context.cluster(count, network=network, settings=SETTINGS)
            kinds = self._kinds(network)
            if nemesis.FullDisk in kinds:
                for node in cluster.nodes.values():
                    network.tmpfs(node.data_dir, DISK)
            stack.enter_context(cluster)
            cluster.create_topic(TOPIC, PARTITIONS)
            story = Story(report, cluster, random.Random(seed), kinds, stack)
            for cycle in range(cycles):
                story.fault(cycle + 1)
                if report.failed:
                    break
            report.check(f"{count} nodes: the history of all records", story.judge)
            report.check(f"{count} nodes: the replicas are the same", story.compare)
            story.tell()

    @staticmethod
    def _network(report):
        try:
            return PrivateNetwork()
        except Skip as absent:
            report.fact(f"no partitions and no full disks: {absent}")
            return Loopback()

    @staticmethod
    def _kinds(network):
        kinds = list(nemesis.ALWAYS)
        if isinstance(network, PrivateMounts):
            kinds += [nemesis.FullDisk, *nemesis.WITH_NETWORK]
        wanted = [name for name in os.environ.get("SLUICE_CLUSTER_KINDS", "").split(",") if name]
        return [kind for kind in kinds if not wanted or kind.kind in wanted]


class Story:
    def __init__(self, report, cluster, chance, kinds, stack):
        self.report, self.cluster, self.random = report, cluster, chance
        self.nemesis = nemesis.Nemesis(cluster, chance, TOPIC, PARTITIONS, kinds)
        self.stalls = collections.defaultdict(list)  # kind of fault -> seconds without an acknowledgement
        libraries = {"librdkafka": workers.librdkafka()}
        try:
            libraries["java"] = workers.java()
        except Skip as absent:
            report.fact(f"no Java clients: {absent}")
        self.producers = [self._worker(stack, command, "produce", name, rate=RATE) for name, command in libraries.items()]
        self.consumers = [self._worker(stack, command, "consume", name) for name, command in libraries.items()]
        for worker in self.producers + self.consumers:
            worker.await_ready()
        self._await_progress()

    def _worker(self, stack, command, verb, name, **config):
        return stack.enter_context(workers.Worker(self.cluster, command, verb, name, TOPIC, PARTITIONS, **config))

    def _await_progress(self):
        """Until every producer has news of every partition, and every consumer any."""
        started = time.monotonic()
        waiting = {worker: set(range(PARTITIONS)) for worker in self.producers}
        waiting.update({worker: {"any"} for worker in self.consumers})
        while any(waiting.values()):
            for worker, wanted in waiting.items():
                for event in worker.look():
                    if event["at"] > started and event["event"] in ("ack", "read"):
                        wanted -= {event["p"], "any"}
            expect(time.monotonic() < started + HEAL_SECONDS, "no progress: " + "; ".join(
                f"{worker.verb}r {worker.name} of {sorted(wanted, key=str)}" for worker, wanted in waiting.items() if wanted))
            time.sleep(0.05)

    def fault(self, number):
        aim, fault = self.nemesis.next()
        hold = self.random.uniform(0.5, 6.0)
        self.report.check(f"{number}: {fault} ({aim}), {hold:.1f} s", lambda: self._cycle(aim, fault, hold))

    def _cycle(self, aim, fault, hold):
        began, ended = self.nemesis.play(aim, fault, hold)
        self._heal()
        healed = time.monotonic()
        stall = self._stall(began, healed)
        self.stalls[fault.kind].append(stall)
        print(f"    {hold:.1f} s of {fault}, in sync {healed - ended:.1f} s later; longest wait of a partition {stall:.2f} s")
        self._complain()
        time.sleep(self.random.uniform(0, 0.5))

    def _heal(self):
        self.cluster.await_ready(HEAL_SECONDS)
        self.cluster.await_in_sync(HEAL_SECONDS, [TOPIC])
        self._await_progress()

    def _stall(self, began, ended):
        """The longest time within which a producer had no acknowledgement from a partition."""
        longest = 0.0
        for worker in self.producers:
            times = {partition: [] for partition in range(PARTITIONS)}
            for event in reversed(worker.events):
                if event["at"] < began - 1:
                    break
                if event["event"] == "ack":
                    times[event["p"]].append(event["at"])
            for found in times.values():
                found = [at for at in reversed(found) if at <= ended + 1]
                longest = max([longest, *(after - before for before, after in zip(found, found[1:]))])
        return longest

    def _complain(self):
        """Early, of what cannot be right any more."""
        for worker in self.producers + self.consumers:
            bad = [event for event in worker.events if event["event"] in ("failed", "error")]
            expect(not bad, f"{worker.verb}r {worker.name}: {len(bad)} errors, the first {bad[:1]}")
            expect(worker.process.poll() is None, f"{worker.verb}r {worker.name} has ended: {worker.complaints()}")

    def judge(self):
        for worker in self.producers:
            worker.stop()
        workers.await_read(self.producers, self.consumers, HEAL_SECONDS)
        for worker in self.consumers:
            worker.stop()
        history = History()
        for worker in self.producers:
            history.producer(worker.name, worker.events)
        for worker in self.consumers:
            history.consumer(worker.name, worker.events)
        complaints = history.judge()
        kinds = collections.Counter(kind for kind, _ in complaints)
        shown = "\n".join(f"{kind}: {text}" for kind, text in complaints[:20])
        expect(not complaints, f"{dict(kinds)}; the first:\n{shown}")
        records = sum(len(found) for found in history.acknowledged.values())
        self.report.fact(f"{records} records acknowledged, {sum(map(len, history.reads.values()))} read by {len(self.consumers)} consumers")

    def compare(self):
        time.sleep(1)
        self.cluster.await_in_sync(HEAL_SECONDS, [TOPIC])
        self.cluster.stop()
        found = differences(self.cluster.data_dirs, TOPIC, PARTITIONS)
        expect(not found, "\n".join(found))

    def tell(self):
        for kind, found in sorted(self.stalls.items()):
            self.report.fact(f"{kind}: {len(found)} times; the longest wait of a partition, median {statistics.median(found):.2f} s, "
                             f"highest {max(found):.2f} s")
