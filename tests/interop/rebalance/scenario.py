"""Plays a script on a group while a producer writes, lets the group drain the topic, and hands all that happened to the
checker."""

import os
import time

from harness.checks import Failure, expect
from rebalance import checker
from rebalance.group import WorkerGroup
from rebalance.history import History
from rebalance.offsets import OffsetsPoller, stored_offsets
from rebalance.script import steps
from rebalance.worker import now_ms
from rebalance.writer import Writer

PARTITIONS = 12
RECORDS_PER_SECOND = 300
DRAIN_SECONDS = 60
SESSION_MS = 6000
HEARTBEAT_MS = 1000
SHOWN_TIMINGS = 15

BROKER_SETTINGS = {
    "group.initial.rebalance.delay.ms": "200",
    "group.min.session.timeout.ms": str(SESSION_MS),
    "group.consumer.session.timeout.ms": str(SESSION_MS),
    "group.consumer.min.session.timeout.ms": str(SESSION_MS),
    "group.consumer.heartbeat.interval.ms": str(HEARTBEAT_MS),
    "group.consumer.min.heartbeat.interval.ms": str(HEARTBEAT_MS),
}


class Scenario:
    """One run of one script. `one_generation`: see checker.Evidence."""

    def __init__(self, broker, judge, name, programs, one_generation=True):
        self.broker, self.judge, self.name = broker, judge, name
        self.folder = broker.home
        self.one_generation = one_generation
        self.topic = f"{name}-topic"
        config = {"bootstrap": broker.bootstrap, "session_ms": SESSION_MS, "heartbeat_ms": HEARTBEAT_MS}
        self.group = WorkerGroup(name, self.topic, PARTITIONS, programs, config, self.folder)
        self.outages = []
        self.timings = []

    def run(self, script):
        """Raises Failure with all violations; returns a line about what happened."""
        self.judge.call("create_topic", topic=self.topic, partitions=PARTITIONS, configs={"retention.ms": "-1"})
        writer = Writer(self.broker.bootstrap, self.topic, PARTITIONS, RECORDS_PER_SECOND)
        poller = OffsetsPoller(self.broker.bootstrap, self.name, self.topic, PARTITIONS)
        began = time.monotonic()
        writer.start()
        poller.start()
        trouble = None
        try:
            self._play(script)
            writer.halt()
            self._drain(writer, poller)
            for slot in self.group.live():
                self.group.leave(slot)
        except Failure as failure:
            trouble = str(failure)
        finally:
            self.group.end()
            writer.halt()
            poller.halt()
        evidence = self._evidence(writer, poller)
        self._judge(evidence, writer, trouble)
        return self._summary(evidence, time.monotonic() - began)

    def _play(self, script):
        waiting_for = []
        for verb, slot in steps(script):
            if verb in ("settle", "unmoved"):
                took = getattr(self.group, verb)()
                self.timings.append((took, " + ".join(waiting_for)))
                waiting_for = []
            elif verb == "bounce":
                waiting_for.append("kill broker")
                self._bounce()
            else:
                waiting_for.append(f"{verb} {slot}")
                getattr(self.group, verb)(slot)

    def _bounce(self):
        down = now_ms()
        self.broker.kill()
        self.broker.start()
        # Clients notice, and send again, some time after the broker is back.
        self.outages.append((down, now_ms() + SESSION_MS))

    def _drain(self, writer, poller):
        ends = {}
        for partition, offset in writer.acknowledged:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        deadline = time.monotonic() + DRAIN_SECONDS
        while poller.ask() != ends:
            expect(time.monotonic() < deadline, f"the group did not commit the end of the topic within {DRAIN_SECONDS} s")
            time.sleep(0.1)

    def _evidence(self, writer, poller):
        history = History(self.group.events, self.outages)
        stored = stored_offsets(self.broker.bootstrap, self.name, self.topic) if self.broker.alive() else {}
        instances = self.group.instances()
        return checker.Evidence(history, dict(writer.acknowledged), poller.polled, stored, self.one_generation, instances)

    def _judge(self, evidence, writer, trouble):
        found = checker.violations(evidence, finished=trouble is None)
        if trouble:
            found.insert(0, trouble)
        found += [f"producer: {text}" for text in writer.errors[:5]]
        if len(writer.acknowledged) + len(writer.errors) != writer.sent:
            found.append(f"producer: {writer.sent} sent, {len(writer.acknowledged)} acknowledged")
        if not found:
            return
        path = os.path.join(self.folder, f"{self.name}.events")
        self.group.save(path)
        raise Failure("\n".join([*found, f"all events: {path}"]))

    def _summary(self, evidence, seconds):
        processed = sum(event.kind == "record" for event in evidence.history.events)
        twice = processed - len(evidence.history.processed)
        refused = sum(commit.outcome == "refused" for commit in evidence.history.commits)
        return (
            f"{self.name}: {seconds:.0f} s, {len(evidence.acknowledged)} records, {twice} processed twice, "
            f"{len(evidence.history.ownerships)} ownerships, {len(evidence.history.commits)} commits, {refused} refused; "
            + self._settling()
        )

    def _settling(self):
        """How long the group took to settle: after every step, or the slowest steps of a long script."""
        timings = self.timings if len(self.timings) <= SHOWN_TIMINGS else sorted(self.timings, reverse=True)[:3]
        slowest = "" if timings is self.timings else f"{len(self.timings)} times settled, the slowest: "
        return slowest + "; ".join(f"{steps} {took:.1f} s" for took, steps in timings)
