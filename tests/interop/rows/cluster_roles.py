"""Controllers and brokers as processes of their own, from Kafka's configurations for them: one controller, and three. Kafka's
tools ask either kind, each is restarted, and the active controller is killed, while librdkafka and kcat work on."""

import contextlib
import re
import subprocess
import time

from cluster_faults import workers
from cluster_faults.checker import History
from harness.checks import expect
from harness.kafka_tools import ToolShell
from harness.report import Report
from harness.toolchain import need

TOPIC, PARTITIONS, RATE = "orders", 3, 100
HEAL_SECONDS = 60
LINES = 1000


class ClusterRoles:
    name = "cluster-roles"
    summary = "controllers and brokers as processes of their own, Kafka's tools by either kind, restarts, a killed controller"

    def run(self, context):
        report = Report(self.name, "row")
        need("kcat")
        for controllers in (1, 3):
            with contextlib.ExitStack() as stack:
                self._play(report, Story(report, context.cluster(3, controllers=controllers), stack))
        return report

    @staticmethod
    def _play(report, story):
        count = len(story.cluster.controllers)
        steps = {
            "they start": story.begin,
            "kafka-metadata-quorum --bootstrap-server": lambda: story.quorum(False),
            "kafka-metadata-quorum --bootstrap-controller": lambda: story.quorum(True),
            "kafka-topics": story.topics,
            "kcat": story.lines,
            "each is restarted": story.restart_each,
            "the active controller is killed": story.kill_controller,
            "the history of all records": story.judge,
            "they stop": story.cluster.stop,
        }
        for name, step in steps.items():
            report.check(f"{count} controller{'s' * (count > 1)}: {name}", step)
            if report.failed:
                return


class Story:
    def __init__(self, report, cluster, stack):
        self.report, self.cluster, self.stack = report, cluster, stack

    def begin(self):
        started = time.monotonic()
        self.stack.enter_context(self.cluster)
        self.report.fact(f"ready {time.monotonic() - started:.1f} s after the start of the first process")
        self.tools = self.stack.enter_context(ToolShell(self.cluster.bootstrap))
        self.cluster.create_topic(TOPIC, PARTITIONS)
        self.producer, self.consumer = (
            self.stack.enter_context(workers.Worker(self.cluster, workers.librdkafka(), verb, "librdkafka", TOPIC, PARTITIONS, rate=RATE))
            for verb in ("produce", "consume"))
        self.producer.await_ready()
        self.consumer.await_ready()
        self._await_acknowledgements()

    def _await_acknowledgements(self):
        """Until every partition has taken a record that was sent after now."""
        began = time.monotonic()
        waiting = set(range(PARTITIONS))
        while waiting:
            waiting -= {event["p"] for event in self.producer.look() if event["event"] == "ack" and event["at"] > began}
            expect(time.monotonic() < began + HEAL_SECONDS, f"partitions {sorted(waiting)} take no records")
            time.sleep(0.02)

    def quorum(self, by_controller):
        ways = ["--bootstrap-server", self.cluster.bootstrap]
        if by_controller:
            ways = ["--bootstrap-controller", ",".join(node.controller_address for node in self.cluster.controllers.values())]
        status = self.tools.run("MetadataQuorumCommand", *ways, "describe", "--status").decode()
        found = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.M))
        expect(int(found["LeaderId"]) in self.cluster.controllers, status)
        told = {who: sorted(map(int, re.findall(r'"id": (\d+)', found[who]))) for who in ("CurrentVoters", "CurrentObservers")}
        expect(told == {"CurrentVoters": sorted(self.cluster.controllers), "CurrentObservers": sorted(self.cluster.nodes)}, status)
        table = self.tools.run("MetadataQuorumCommand", *ways, "describe", "--replication").decode()
        roles = sorted(re.findall(r"^\d+\s.*\b(Leader|Follower|Observer)\s*$", table, re.M))
        wanted = ["Follower"] * (len(self.cluster.controllers) - 1) + ["Leader"] + ["Observer"] * len(self.cluster.nodes)
        expect(roles == wanted, table)

    def topics(self):
        self.tools.ask("TopicCommand", "--create", "--topic", "lines", "--partitions", "2")
        self.cluster.await_in_sync(topics=["lines"])
        output = self.tools.ask("TopicCommand", "--describe", "--topic", "lines")
        replicas = [sorted(map(int, found.split(","))) for found in re.findall(r"Replicas: (\S+)", output)]
        expect(replicas == [sorted(self.cluster.nodes)] * 2, output)
        described = self.tools.ask("BrokerApiVersionsCommand")
        expect(sorted(map(int, re.findall(r"\(id: (\d+) rack", described))) == sorted(self.cluster.nodes), described[:500])

    def lines(self):
        kcat = ["kcat", "-b", self.cluster.bootstrap, "-t", "lines", "-p", "1"]
        text = b"".join(b"line %d\n" % number for number in range(LINES))
        subprocess.run([*kcat, "-P", "-X", "acks=all", "-X", "enable.idempotence=true"], input=text, check=True, timeout=60)
        done = subprocess.run([*kcat, "-C", "-o", "beginning", "-e", "-q"], capture_output=True, check=True, timeout=60)
        expect(done.stdout == text, f"{len(done.stdout)} bytes were read, {len(text)} were written")

    def restart_each(self):
        for server in self.cluster.servers:
            took = server.stop()
            self._await_acknowledgements()
            server.start()
            self.cluster.await_ready()
            self.cluster.await_in_sync(HEAL_SECONDS, [TOPIC])
            self._await_acknowledgements()
            self.report.fact(f"{server.roles} {server.id}: stopped in {took:.1f} s")

    def kill_controller(self):
        """Records are taken meanwhile. Topics are made by another controller; where there is none, by the same one again."""
        leader = self.cluster.controller()
        leader.kill()
        killed = time.monotonic()
        self._await_acknowledgements()
        if len(self.cluster.controllers) == 1:
            leader.start()
        refused = self.cluster.probe("create_topics", names=["after"], partitions=1, replicas=3)
        expect(not refused, str(refused))
        self.report.fact(f"a topic is made {time.monotonic() - killed:.2f} s after the kill")
        if not leader.alive():
            leader.start()
        self.cluster.await_ready()
        self.cluster.await_in_sync(HEAL_SECONDS, [TOPIC, "after"])

    def judge(self):
        self.producer.stop()
        workers.await_read([self.producer], [self.consumer], HEAL_SECONDS)
        self.consumer.stop()
        history = History()
        history.producer(self.producer.name, self.producer.events)
        history.consumer(self.consumer.name, self.consumer.events)
        complaints = history.judge()
        expect(not complaints, "\n".join(f"{kind}: {text}" for kind, text in complaints[:20]))
        self.report.fact(f"{sum(map(len, history.acknowledged.values()))} records, all there once and in order")
