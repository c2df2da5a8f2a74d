"""Consumer groups and their offsets survive the kill of their coordinator, on the three nodes of a cluster: the scenarios of
the rebalance rows, where what is killed on the way is the leader of the group's partition of __consumer_offsets."""

import time

from harness.report import Report
from rebalance.scenario import BROKER_SETTINGS, Scenario
from rows.rebalance import Kind, Variant, java, librdkafka

OFFSETS, OFFSETS_PARTITIONS = "__consumer_offsets", 10
DOWN_SECONDS = 3
SCRIPT = """join a, join b, join c, settle, bounce, settle, leave b, settle, bounce, settle, join b, settle,
            crash c, bounce, settle, join c, settle"""
VARIANTS = [
    Variant("cooperative-sticky", Kind(java, "cooperative-sticky"), Kind(librdkafka, "cooperative-sticky"), script=SCRIPT),
    Variant("consumer", Kind(java, "consumer"), Kind(librdkafka, "consumer"), script=SCRIPT),
]


def java_hash(text):
    """Of String.hashCode, for ASCII."""
    value = 0
    for letter in text.encode():
        value = (31 * value + letter) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


class CoordinatorKiller:
    """A cluster as the scenario's broker: kill() takes the coordinator of `group`, start() brings it back later."""

    def __init__(self, cluster, group):
        self._cluster, self._group = cluster, group
        self._killed = None
        self.takeovers = []
        self.home, self.bootstrap = cluster.home, cluster.bootstrap

    def call(self, operation, topic, partitions, configs):
        """The scenario's judge makes its topic here, with three replicas."""
        assert operation == "create_topic"
        self._cluster.create_topic(topic, partitions, configs=configs)

    def alive(self):
        return bool(self._cluster.live())

    def _coordinator(self):
        return self._cluster.leader(OFFSETS, java_hash(self._group) % OFFSETS_PARTITIONS)

    def kill(self):
        self._killed = self._coordinator()
        began = time.monotonic()
        self._killed.kill()
        self._cluster.eventually(self._no_successor, 60, f"nobody takes over from node {self._killed.id}")
        self.takeovers.append(time.monotonic() - began)

    def _no_successor(self):
        found = self._coordinator()
        return "" if found is not None and found is not self._killed else f"the leader is {found and found.id}"

    def start(self):
        time.sleep(DOWN_SECONDS)
        self._killed.start()
        self._cluster.await_ready()
        self._cluster.await_in_sync()


class ClusterGroups:
    name = "cluster-groups"
    summary = "groups and their offsets while their coordinators are killed"

    def run(self, context):
        report = Report(self.name, "row")
        variants = {variant.name: variant for variant in VARIANTS}
        for variant in VARIANTS:
            variant.programs(variant.slots)  # installs, or skips
        settings = {**BROKER_SETTINGS, "offsets.topic.num.partitions": str(OFFSETS_PARTITIONS)}
        with context.cluster(3, settings=settings) as cluster:
            for name in context.selected(variants):
                report.check(name, lambda: self._play(report, cluster, variants[name]))
        return report

    @staticmethod
    def _play(report, cluster, variant):
        killer = CoordinatorKiller(cluster, f"cluster-{variant.name}")
        scenario = Scenario(killer, killer, f"cluster-{variant.name}", variant.programs(variant.slots), variant.one_generation)
        report.fact(scenario.run(variant.script))
        report.fact("taken over after " + ", ".join(f"{took:.2f} s" for took in killer.takeovers))
