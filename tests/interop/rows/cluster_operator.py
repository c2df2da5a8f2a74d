"""What an operator does: three nodes from one Kafka KRaft configuration, a fourth that is told one address, each restarted in
turn, while kcat and producers and consumers of two libraries work and must not notice; then disks that are wiped or wrong."""

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time

from cluster_faults import workers
from cluster_faults.checker import History
from cluster_faults.replicas import differences
from harness.checks import expect
from harness.report import Report
from harness.toolchain import Skip, need

TOPIC, PARTITIONS, RATE = "orders", 6, 100
UNNOTICED_SECONDS = 1.0  # with --full; else others may keep the machine busy, and the time is told only
STALLED_SECONDS = 20.0
HEAL_SECONDS = 60
LEFT = "left (was leaving)"  # a node was let go by the controller, so its partitions had other leaders


class Kcat:
    """Lines through `kcat -P`, a hundred a second, numbered."""

    def __init__(self, cluster, topic):
        self.cluster, self.topic = cluster, topic
        settings = ["-X", "acks=all", "-X", "enable.idempotence=true", "-X", "message.timeout.ms=600000", "-X", "linger.ms=2"]
        self.process = subprocess.Popen(
            cluster.client_command(["kcat", "-b", cluster.bootstrap, "-P", "-t", topic, "-p", "0", *settings]),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        self.lines = 0
        self._halted = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._halted.wait(0.01):
            self.process.stdin.write(b"line %d\n" % self.lines)
            self.process.stdin.flush()
            self.lines += 1

    def stop(self):
        self._halted.set()
        self._thread.join()
        _, complaints = self.process.communicate(timeout=120)
        expect(self.process.returncode == 0, f"kcat ended with {self.process.returncode}: {complaints[-1000:]}")

    def judge(self):
        read = ["kcat", "-b", self.cluster.bootstrap, "-C", "-t", self.topic, "-p", "0", "-o", "beginning", "-e", "-q"]
        done = subprocess.run(self.cluster.client_command(read), capture_output=True, timeout=120)
        found = done.stdout.split(b"\n")[:-1]
        wanted = [b"line %d" % number for number in range(self.lines)]
        expect(found == wanted, f"{len(found)} lines were read, {len(wanted)} were written; {done.stderr[-500:]}")


class ClusterOperator:
    name = "cluster-operator"
    summary = "three nodes from a Kafka configuration, a fourth joins, each is restarted unnoticed, wiped and wrong disks"

    def run(self, context):
        report = Report(self.name, "row")
        need("kcat")
        cluster = context.cluster(3)
        with contextlib.ExitStack() as stack:
            story = Story(report, cluster, stack, UNNOTICED_SECONDS if context.full else STALLED_SECONDS)
            steps = {
                "three nodes from nothing": story.begin,
                "producers and consumers": story.employ,
                "a fourth joins": story.join,
                "each is restarted in turn": story.restart_each,
                "the history of all records": story.judge,
                "a wiped disk": story.wiped,
                "the disk of another node": story.of_another_node,
                "the disk of another cluster": story.of_another_cluster,
                "the replicas are the same": story.compare,
            }
            for name, step in steps.items():
                report.check(name, step)
                if report.failed and name not in ("each is restarted in turn", "a wiped disk", "the disk of another node"):
                    break
        return report


class Story:
    def __init__(self, report, cluster, stack, stall_limit):
        self.report, self.cluster, self.stack, self.stall_limit = report, cluster, stack, stall_limit
        self.workers = []

    def begin(self):
        started = time.monotonic()
        self.stack.enter_context(self.cluster)
        self.report.fact(f"ready {time.monotonic() - started:.1f} s after the start of the first process")
        self.cluster.create_topic(TOPIC, PARTITIONS)
        self.cluster.create_topic("lines", 1)

    def employ(self):
        libraries = {"librdkafka": workers.librdkafka()}
        try:
            libraries["java"] = workers.java()
        except Skip as absent:
            self.report.fact(f"no Java clients: {absent}")
        for name, command in libraries.items():
            for verb, config in (("produce", {"rate": RATE}), ("consume", {})):
                worker = workers.Worker(self.cluster, command, verb, name, TOPIC, PARTITIONS, **config)
                self.workers.append(self.stack.enter_context(worker))
        self.kcat = Kcat(self.cluster, "lines")
        for worker in self.workers:
            worker.await_ready()
        time.sleep(2)

    def join(self):
        fourth = self.cluster.add(4)
        fourth.join = self.cluster.nodes[1].bootstrap
        started = time.monotonic()
        fourth.start()
        self.cluster.await_ready()
        self.report.fact(f"the fourth is there {time.monotonic() - started:.1f} s after its start")
        self.cluster.create_topic("with-fourth", 4)
        replicas = [found["replicas"] for found in self.cluster.metadata()["topics"]["with-fourth"].values()]
        expect(any(4 in found for found in replicas), f"no replica is on it: {replicas}")

    def restart_each(self):
        longest = []
        for node in self.cluster.nodes.values():
            began = time.monotonic()
            position = os.path.getsize(node.log_path)
            took = node.stop()
            expect(self.cluster.kind == "kafka" or LEFT in self._told(node, position),
                   f"node {node.id} stopped before the controller had moved what it led:\n{node.log_tail()}")
            node.start()
            self.cluster.await_ready()
            self.cluster.await_in_sync()
            ended = time.monotonic()
            time.sleep(1)
            stall = self._stall(began, ended)
            longest.append(stall)
            self.report.fact(f"node {node.id}: stopped in {took:.1f} s, in sync {ended - began:.1f} s after SIGTERM; "
                             f"longest wait for an acknowledgement in a partition {stall:.2f} s")
        expect(max(longest) < self.stall_limit, f"a partition took no records for {max(longest):.2f} s")

    def _stall(self, began, ended):
        longest = 0.0
        for worker in self.workers:
            worker.look()
            last = {}
            for event in worker.events:
                if event["event"] == "ack" and began - 1 < event["at"] < ended + 1:
                    longest = max(longest, event["at"] - last.get(event["p"], event["at"]))
                    last[event["p"]] = event["at"]
        return longest

    def judge(self):
        producers = [worker for worker in self.workers if worker.verb == "produce"]
        consumers = [worker for worker in self.workers if worker.verb == "consume"]
        for worker in producers:
            worker.stop()
        workers.await_read(producers, consumers, HEAL_SECONDS)
        history = History()
        for worker in producers:
            history.producer(worker.name, worker.events)
        for worker in consumers:
            worker.stop()
            history.consumer(worker.name, worker.events)
        complaints = history.judge()
        expect(not complaints, "\n".join(f"{kind}: {text}" for kind, text in complaints[:20]))
        self.kcat.stop()
        self.kcat.judge()
        self.report.fact(f"{sum(map(len, history.acknowledged.values()))} records and {self.kcat.lines} lines, all there once and in order")

    def wiped(self):
        """A node comes back with an empty disk: it gets everything from the others."""
        node = self.cluster.nodes[2]
        node.stop()
        node.wipe()
        started = time.monotonic()
        node.start()
        self.cluster.await_ready()
        self.cluster.await_in_sync(HEAL_SECONDS)
        self.report.fact(f"in sync {time.monotonic() - started:.1f} s after its start")

    def of_another_node(self):
        self._refused(self.cluster.nodes[3], self.cluster.nodes[2].data_dir, r"node[._ ]?id")

    def of_another_cluster(self):
        node = self.cluster.nodes[3]
        disk = os.path.join(self.cluster.home, "foreign")
        shutil.copytree(node.data_dir, disk)
        path = os.path.join(disk, "meta.properties")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(re.sub(r"cluster\.id=.*", "cluster.id=AAAAAAAAAAAAAAAAAAAAAQ", text))
        self._refused(node, disk, r"cluster[._ ]?id")

    def _refused(self, node, disk, words):
        """The node must not serve with `disk`: it ends by itself and says why."""
        node.stop()
        position = os.path.getsize(node.log_path)
        own = node.data_dir
        away = os.path.join(self.cluster.home, "wrong")
        shutil.copytree(disk, away)
        node.data_dir = away
        try:
            node.start()
            try:
                status = node.process.wait(30)
            except subprocess.TimeoutExpired:
                node.kill()
                raise AssertionError("it runs on with a wrong disk")
            node.process = None
            told = self._told(node, position)
            expect(status > 0, f"it ended with status {status}")
            expect(re.search(words, told, re.I), f"it does not tell why: {told[-1000:]}")
            self.report.fact(f"status {status}: {next(line for line in reversed(told.splitlines()) if re.search(words, line, re.I))[:200]}")
        finally:
            node.data_dir = own
            shutil.rmtree(away)
            if node.process is None:
                node.start()
        self.cluster.await_ready()
        self.cluster.await_in_sync(HEAL_SECONDS)

    @staticmethod
    def _told(node, position):
        """What is in its log from `position` on."""
        with open(node.log_path, errors="replace") as file:
            file.seek(position)
            return file.read()

    def compare(self):
        time.sleep(1)
        self.cluster.stop()
        found = differences(self.cluster.data_dirs, TOPIC, PARTITIONS) + differences(self.cluster.data_dirs, "lines", 1)
        expect(not found, "\n".join(found))
