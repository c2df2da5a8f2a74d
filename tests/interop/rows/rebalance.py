"""Groups of real consumers that join, leave, crash and are paused while a producer writes: one row per family of clients,
and one for groups of several families. See rebalance/."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

from harness import toolchain
from harness.client import Client
from harness.report import Report
from rebalance.scenario import BROKER_SETTINGS, Scenario
from rebalance.script import MIGRATION, SIX, SMALL, STATIC, STATIC_CONSUMER, STATIC_HELD, seeded
from rows import client_rows
from rows.client_rows import DEBIAN_PYTHON, PYTHON, referee_command

SLOTS = "abcdef"
FULL_STEPS = 40
AT_A_TIME = 2  # scenarios


def java():
    # Small and quick to start: three of them share a machine with the broker.
    options = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return ["java", *options, "-cp", toolchain.java_classes(), "Worker"]


def librdkafka():
    return [client_rows.confluent_newest()[0], os.path.join(PYTHON, "worker_confluent.py")]


def librdkafka_debian():
    client_rows.debian_module("confluent_kafka", "python3-confluent-kafka")
    return [DEBIAN_PYTHON, os.path.join(PYTHON, "worker_confluent.py")]


def franz_go():
    return [toolchain.go_program("franz-go"), "worker"]


def sarama():
    return [toolchain.go_program("sarama"), "worker"]


def kafka_python():
    return [client_rows.kafka_python_newest()[0], os.path.join(PYTHON, "worker_kafka_python.py")]


def aiokafka():
    return [client_rows.aiokafka()[0], os.path.join(PYTHON, "worker_aio.py")]


def kafkajs():
    return ["node", os.path.join(toolchain.node_modules("kafkajs"), "worker.js")]


class Kind:
    """What a member is: its program and how it takes part."""

    def __init__(self, program, strategy, static=False, **config):
        self.program, self.static = program, static
        self.config = {"strategy": strategy, **config}

    def member(self, slot):
        instance = {"instance": f"instance-{slot}"} if self.static else {}
        return self.program(), {**self.config, **instance}


class Variant:
    """One check of a row: the kinds of its members in turn, slot after slot."""

    def __init__(self, name, *kinds, script=SMALL):
        self.name, self.kinds, self.script = name, kinds, script
        self.slots = SLOTS[: max(3, len(kinds))]
        protocols = {kind.config["strategy"] == "consumer" for kind in kinds}
        self.one_generation = protocols == {False}

    def programs(self, slots):
        """Slot -> command and config. Installs what is missing, or raises Skip."""
        return {slot: self.kinds[index % len(self.kinds)].member(slot) for index, slot in enumerate(slots)}


CONSUMERS = [Kind(java, "consumer"), Kind(librdkafka, "consumer"), Kind(franz_go, "consumer")]

ROWS = {
    "java": [
        Variant("range", Kind(java, "range")),
        Variant("cooperative-sticky", Kind(java, "cooperative-sticky")),
        Variant("static", Kind(java, "range", static=True), script=STATIC),
        Variant("consumer", Kind(java, "consumer")),
        Variant("consumer range", Kind(java, "consumer", assignor="range")),
        Variant("consumer static", Kind(java, "consumer", static=True), script=STATIC_CONSUMER),
    ],
    "librdkafka": [
        Variant("range", Kind(librdkafka, "range")),
        Variant("cooperative-sticky", Kind(librdkafka, "cooperative-sticky")),
        Variant("static", Kind(librdkafka, "cooperative-sticky", static=True), script=STATIC),
        Variant("consumer", Kind(librdkafka, "consumer")),
        Variant("consumer static", Kind(librdkafka, "consumer", static=True), script=STATIC_CONSUMER),
    ],
    "librdkafka-debian": [
        Variant("range", Kind(librdkafka_debian, "range")),
        Variant("cooperative-sticky", Kind(librdkafka_debian, "cooperative-sticky")),
    ],
    "franz-go": [
        Variant("range", Kind(franz_go, "range")),
        Variant("cooperative-sticky", Kind(franz_go, "cooperative-sticky")),
        Variant("static", Kind(franz_go, "range", static=True), script=STATIC),
        Variant("consumer", Kind(franz_go, "consumer")),
        # franz-go 1.22 leaves without its instance id, which Kafka refuses as well, so nobody may take its place before
        # the session ends.
        Variant("consumer static", Kind(franz_go, "consumer", static=True), script=STATIC_HELD),
    ],
    "sarama": [
        Variant("range", Kind(sarama, "range")),
        Variant("cooperative-sticky", Kind(sarama, "cooperative-sticky")),
        Variant("static", Kind(sarama, "range", static=True), script=STATIC),
    ],
    "kafka-python": [
        Variant("range", Kind(kafka_python, "range")),
        Variant("cooperative-sticky", Kind(kafka_python, "cooperative-sticky")),
        Variant("static", Kind(kafka_python, "range", static=True), script=STATIC),
    ],
    "aiokafka": [
        Variant("range", Kind(aiokafka, "range")),
        Variant("sticky", Kind(aiokafka, "sticky")),
        Variant("static", Kind(aiokafka, "range", static=True), script=STATIC),
    ],
    "kafkajs": [Variant("round robin", Kind(kafkajs, "roundrobin"))],
    "mixed": [
        Variant("range", Kind(java, "range"), Kind(librdkafka, "range"), Kind(franz_go, "range"),
                Kind(sarama, "range"), Kind(kafka_python, "range"), Kind(aiokafka, "range"), script=SIX),
        Variant("cooperative-sticky", Kind(java, "cooperative-sticky"), Kind(librdkafka, "cooperative-sticky"),
                Kind(franz_go, "cooperative-sticky")),
        Variant("classic and consumer", Kind(java, "cooperative-sticky"), Kind(java, "consumer"), Kind(librdkafka, "consumer")),
        Variant("cooperative-sticky to consumer and back", Kind(java, "cooperative-sticky"),
                Kind(librdkafka, "cooperative-sticky"), Kind(franz_go, "cooperative-sticky"), *CONSUMERS, script=MIGRATION),
        Variant("range to consumer and back", Kind(java, "range"), Kind(librdkafka, "range"), Kind(sarama, "range"),
                *CONSUMERS, script=MIGRATION),
    ],
}


class RebalanceRow:
    def __init__(self, family):
        self.name = f"rebalance-{family}"
        self.summary = f"members of a group ({family}) come, go, crash and sleep while a producer writes"
        self._family, self._variants = family, {variant.name: variant for variant in ROWS[family]}

    def run(self, context):
        report = Report(self.name, "row")
        for variant in self._variants.values():
            variant.programs(variant.slots)
        self._seed = int(os.environ.get("SLUICE_INTEROP_SEED", random.randrange(1 << 32)))
        if context.full:
            report.fact(f"SLUICE_INTEROP_SEED={self._seed}")
        versions = set()
        # Most of a scenario's time is spent on waiting for sessions to time out.
        with ThreadPoolExecutor(AT_A_TIME) as executor:
            for name in context.selected(self._variants):
                executor.submit(report.check, name, lambda name=name: self._play(report, context, name, versions))
        report.checks = {name: report.checks[name] for name in self._variants if name in report.checks}
        report.version = ", ".join(sorted(versions))
        return report

    def _play(self, report, context, name, versions):
        variant = self._variants[name]
        script, slots = variant.script, variant.slots
        if context.full:
            script, slots = seeded(self._seed, SLOTS, FULL_STEPS), SLOTS
        with context.broker(BROKER_SETTINGS) as broker:
            if not broker.owned:
                raise RuntimeError("this row kills its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Client(referee_command(), broker.bootstrap) as judge:
                topic = f"{self._family}-{name}".replace(" ", "-")
                scenario = Scenario(broker, judge, topic, variant.programs(slots), variant.one_generation)
                try:
                    report.fact(scenario.run(script))
                finally:
                    versions.update(scenario.group.versions)
