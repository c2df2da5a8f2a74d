"""Three nodes under every fault that processes, disks and networks know, while producers and consumers work: nothing that
was acknowledged is lost, duplicated or reordered, the replicas are the same in the end, and no partition waits longer
than BOUNDS allow.

SLUICE_CLUSTER_FAULTS says how many faults (12; 250 on each size with --full), SLUICE_CLUSTER_NODES on clusters of which
sizes (3; 3,5 with --full), SLUICE_INTEROP_SEED repeats a run, SLUICE_CLUSTER_KINDS=kill,pause,... and
SLUICE_CLUSTER_CLIENTS=librdkafka,java pick, SLUICE_INTEROP_CLUSTER=kafka plays the same to Apache Kafka."""

import collections
import contextlib
import os
import random
import shutil
import statistics
import time

from cluster_faults import nemesis, workers
from cluster_faults.checker import History
from cluster_faults.replicas import differences, producers
from harness.checks import expect
from harness.mounts import PrivateMounts
from harness.network import Loopback, PrivateNetwork
from harness.report import Report
from harness.toolchain import Skip

TOPIC, PARTITIONS = "faults", 6
RATE = 150  # records a second and producer
DISK = 1 << 28
HEAL_SECONDS = 60
# The sessions are short, so that a short fault is long enough to lose leadership.
SETTINGS = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "300", "replica.lag.time.max.ms": "3000"}
# As they come, clients wait for an answer longer than any fault lasts. Those that do not wait send again, to another leader,
# what the last one may have taken. Half of the seeds have such clients of librdkafka. Java's producer can't be one: it sends
# what comes next to the new leader while a batch that has it already is under way to the old one, and repeats that batch for
# ever when the leader, which knows the last five of a producer, has seen five others since.
IMPATIENT = {"librdkafka": {"socket.timeout.ms": 1500, "topic.metadata.refresh.interval.ms": 1000}}
SHORT, LONG, LONG_SHARE = (0.3, 3.0), (3.0, 8.0), 0.1  # seconds that a fault lasts
# How long a partition may take no records. A process that has died is known by its connections; a fault that leaves no
# trace may last as long as it does, as two nodes of three can have it, and TCP needs as long again to repeat what was lost.
DEAD_SECONDS, AFTER_SECONDS = 3.0, 5.0
SLACK = 4.0  # where others may keep the machine busy: without --full


class ClusterFaults:
    name = "cluster-faults"
    summary = "a cluster under kills, pauses, partitions, full disks and restarts, with a checker after Jepsen's"

    def run(self, context):
        report = Report(self.name, "row")
        sizes = os.environ.get("SLUICE_CLUSTER_NODES", "3,5" if context.full else "3")
        for count in map(int, sizes.split(",")):
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
            stack.push(lambda kind, *_: self._keep_data(cluster) if kind or report.failed else None)
            stack.enter_context(cluster)
            cluster.create_topic(TOPIC, PARTITIONS)
            story = Story(report, cluster, random.Random(seed), kinds, stack, 1.0 if context.full else SLACK)
            for cycle in range(cycles):
                story.fault(cycle + 1)
                if report.failed:
                    break
            report.check(f"{count} nodes: the history of all records", story.judge)
            report.check(f"{count} nodes: the replicas are the same", story.compare)
            report.check(f"{count} nodes: how long partitions waited", story.punctual)
            story.tell()

    @staticmethod
    def _keep_data(cluster):
        """What is on file systems that are about to go."""
        if cluster.network.root:
            for node in cluster.nodes.values():
                shutil.copytree(node.seen_data, os.path.join(node.home, "data-kept"), ignore=shutil.ignore_patterns(nemesis.FILLER))

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
    def __init__(self, report, cluster, chance, kinds, stack, slack):
        self.report, self.cluster, self.random, self.slack = report, cluster, chance, slack
        self.nemesis = nemesis.Nemesis(cluster, chance, TOPIC, PARTITIONS, kinds)
        self.stalls = collections.defaultdict(list)  # kind of fault -> seconds without an acknowledgement
        self.late = []  # what has waited longer than it may
        impatient = chance.random() < 0.5
        report.fact(f"librdkafka gives a request up after {'1.5 s' if impatient else 'its own time'}")
        self._client_settings = IMPATIENT if impatient else {}
        starts = {"librdkafka": workers.librdkafka_newest if impatient else workers.librdkafka, "java": workers.java}
        libraries = self._libraries(starts, os.environ.get("SLUICE_CLUSTER_CLIENTS", ",".join(starts)).split(","))
        self.producers = [self._worker(stack, command, "produce", name, rate=RATE) for name, command in libraries.items()]
        self.consumers = [self._worker(stack, command, "consume", name) for name, command in libraries.items()]
        for worker in self.producers + self.consumers:
            worker.await_ready()
        self._await_progress()

    def _libraries(self, starts, wanted):
        found = {}
        for name in wanted:
            try:
                found[name] = starts[name]()
            except Skip as absent:
                self.report.fact(f"no clients of {name}: {absent}")
        if not found:
            raise Skip("no client library is here")
        return found

    def _worker(self, stack, command, verb, name, **config):
        return stack.enter_context(workers.Worker(self.cluster, command, verb, name, TOPIC, PARTITIONS,
                                                  settings=self._client_settings.get(name, {}), **config))

    def _await_progress(self):
        """Until every producer has news of every partition, and every consumer any."""
        started = time.monotonic()
        waiting = {worker: set(range(PARTITIONS)) for worker in self.producers}
        waiting.update({worker: {"any"} for worker in self.consumers})
        while any(waiting.values()):
            for worker, wanted in waiting.items():
                expect(worker.process.poll() is None, f"{worker.verb}r {worker.name} has ended: {worker.complaints()}")
                for event in worker.look():
                    if event["at"] > started and event["event"] in ("ack", "read"):
                        wanted -= {event["p"], "any"}
            expect(time.monotonic() < started + HEAL_SECONDS, "no progress: " + "; ".join(
                f"{worker.verb}r {worker.name} of {sorted(wanted, key=str)}" for worker, wanted in waiting.items() if wanted))
            time.sleep(0.05)

    def fault(self, number):
        aim, fault = self.nemesis.next()
        hold = self.random.uniform(*(LONG if self.random.random() < LONG_SHARE else SHORT))
        self.report.check(f"{number}: {fault} ({aim}), {hold:.1f} s", lambda: self._cycle(aim, fault, hold))

    def _cycle(self, aim, fault, hold):
        began, ended = self.nemesis.play(aim, fault, hold)
        self._heal()
        healed = time.monotonic()
        stall = self._stall(began, healed)
        self.stalls[fault.kind].append(stall)
        if stall > (bound := self._bound(fault, ended - began) * self.slack):
            self.late.append(f"{fault} ({aim}) of {hold:.1f} s at {began:.3f}: {stall:.2f} s, where {bound:.1f} are allowed")
        print(f"    {ended - began:.1f} s of {fault}, in sync {healed - ended:.1f} s later; longest wait of a partition {stall:.2f} s")
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

    def _bound(self, fault, lasted):
        one = len(fault.targets) == 1 or fault.kind == nemesis.Rolling.kind
        if one and isinstance(fault, (nemesis.Kill, nemesis.Restart, nemesis.Rolling)):
            return DEAD_SECONDS
        return lasted + AFTER_SECONDS

    def punctual(self):
        expect(not self.late, "\n".join(self.late))

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
        complaints = self._without_new_epochs(history, history.judge())
        kinds = collections.Counter(kind for kind, _ in complaints)
        shown = "\n".join(f"{kind}: {text}" for kind, text in complaints[:20])
        expect(not complaints, f"{dict(kinds)}; the first:\n{shown}")
        records = sum(len(found) for found in history.acknowledged.values())
        self.report.fact(f"{records} records acknowledged, {sum(map(len, history.reads.values()))} read by {len(self.consumers)} consumers")

    def _without_new_epochs(self, history, complaints):
        """Leaves out records that a library has sent again in a new producer epoch, which no broker can know as the same.
        librdkafka begins one when a partition's new leader misses what is still on its way to the old one, and takes along
        what it has in doubt in other partitions (its issue 4953)."""
        excused = set()
        for text, (partition, first, second) in history.twice.items():
            leader = self.cluster.leader(TOPIC, partition)
            known = producers(os.path.join(leader.seen_data, f"{TOPIC}-{partition}"))
            (one, early), (other, late) = known[first], known[second]
            if text.startswith("librdkafka ") and one == other and early < late:
                excused.add(text)
        if excused:
            self.report.fact(f"{len(excused)} records sent again by librdkafka in a new producer epoch: {min(excused)}")
        return [(kind, text) for kind, text in complaints if text not in excused]

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
