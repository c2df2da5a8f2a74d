"""One row per client library: every check of harness/checks.py through its program."""

import os
import subprocess

from harness import checks, toolchain, wire
from harness.client import Client
from harness.report import LACKS, NEEDS_GROUPS, Report

DEBIAN_PYTHON = "/usr/bin/python3"
PYTHON = os.path.join(toolchain.CLIENTS, "python")


def debian_module(module, package):
    """The system's Python if Debian's package of the module is there."""
    toolchain.need(DEBIAN_PYTHON)
    if subprocess.run([DEBIAN_PYTHON, "-c", f"import {module}"], capture_output=True).returncode:
        raise toolchain.Skip(f"{package} is not installed")
    return DEBIAN_PYTHON


def referee_command():
    return [debian_module("confluent_kafka", "python3-confluent-kafka"), os.path.join(PYTHON, "confluent.py")]


def kcat():
    toolchain.need("kcat")
    return [DEBIAN_PYTHON, os.path.join(toolchain.CLIENTS, "kcat", "client.py")]


def confluent_newest():
    requirements = os.path.join(PYTHON, "confluent-requirements.txt")
    return [toolchain.python_environment("confluent-kafka", requirements), os.path.join(PYTHON, "confluent.py")]


def kafka_python_debian():
    """Debian's module in an environment that adds the codecs, which Debian leaves to other packages."""
    debian_module("kafka", "python3-kafka")
    codecs = os.path.join(PYTHON, "codec-requirements.txt")
    python = toolchain.python_environment("kafka-python-debian", codecs, base=DEBIAN_PYTHON, system_packages=True)
    return [python, os.path.join(PYTHON, "kafka_python.py")]


def kafka_python_newest():
    requirements = os.path.join(PYTHON, "kafka-python-requirements.txt")
    return [toolchain.python_environment("kafka-python", requirements), os.path.join(PYTHON, "kafka_python.py")]


def aiokafka():
    requirements = os.path.join(PYTHON, "aio-requirements.txt")
    return [toolchain.python_environment("aiokafka", requirements), os.path.join(PYTHON, "aio.py")]


def java(release=None):
    return ["java", "-Xmx512m", "-cp", toolchain.java_classes(release), "Client"]


def kafkajs():
    return ["node", os.path.join(toolchain.node_modules("kafkajs"), "client.js")]


def lacks(reason, *operations):
    return {operation: reason for operation in operations}


FETCHES = tuple(name for name in checks.CHECKS if name.startswith("fetch "))

# name: (how to start the program, {operation the library itself does not have: reason})
CLIENTS = {
    "kcat": (
        kcat,
        lacks("kcat has no administration", "describe cluster", "describe configs", *checks.ADMINISTRATION),
    ),
    "confluent-kafka-debian": (
        referee_command,
        lacks("not in confluent-kafka 1.7", "describe cluster", "incremental alter configs", "delete records"),
    ),
    "confluent-kafka": (confluent_newest, {}),
    "kafka-python-debian": (
        kafka_python_debian,
        lacks("not in kafka-python 2.0.2", "incremental alter configs", "delete records", "produce idempotent"),
    ),
    "kafka-python": (
        kafka_python_newest,
        lacks("kafka-python 3 repeats the other settings itself, so none is replaced", "alter configs"),
    ),
    "aiokafka": (aiokafka, lacks("not in aiokafka 0.14", "incremental alter configs")),
    "java": (java, lacks("removed from the Java client in 4.0", "alter configs")),
    "java-3.9": (lambda: java("3.9.1"), lacks("not asked of the older Java client", "alter configs")),
    "franz-go": (lambda: [toolchain.go_program("franz-go")], {}),
    "sarama": (lambda: [toolchain.go_program("sarama")], {}),
    "kafkajs": (
        kafkajs,
        {
            **lacks("kafkajs consumes in groups only", *FETCHES),
            **lacks("not in kafkajs 2.2", "incremental alter configs"),
        },
    ),
}


class ClientRow:
    def __init__(self, name):
        self.name = name
        self.summary = f"the {name} client: every operation it has"
        self._command, self._lacks = CLIENTS[name]

    def run(self, context):
        report = Report(self.name, "client")
        command, referee = self._command(), referee_command()
        with context.broker() as broker:
            groups = wire.JOIN_GROUP in wire.api_versions(broker.bootstrap)
            with Client(referee, broker.bootstrap) as judge, Client(command, broker.bootstrap) as client:
                report.version = client.call("about")["version"]
                print(f"  version {report.version}")
                bench = checks.Bench(client, judge, self.name)
                for operation in context.selected(checks.CHECKS):
                    self._one(report, bench, operation, groups)
        return report

    def _one(self, report, bench, operation, groups):
        if operation in self._lacks:
            report.note(operation, LACKS, self._lacks[operation])
        elif operation in checks.NEEDS_GROUPS and not groups:
            report.note(operation, NEEDS_GROUPS, "the broker has no consumer groups yet")
        else:
            report.check(operation, lambda: checks.CHECKS[operation](bench))
