"""A log that Apache Kafka wrote, with committed, aborted and undecided transactions: served from Kafka's own files."""

import os
import shutil
import subprocess

from harness import checks, log_dump, toolchain
from harness.checks import expect
from harness.client import Client
from harness.kafka_tools import KafkaTools
from harness.report import Report
from rows.client_rows import referee_command

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "transactional_log")
UNDECIDED = "never decided"
EXPECTED = "committed.txt"


class TransactionalLog:
    name = "transactional-log"
    summary = "a log of Kafka's with aborted transactions, read with read_committed from its own files"

    def run(self, context):
        report = Report(self.name, "row")
        report.version = KafkaTools.version
        KafkaTools()
        toolchain.need("kcat")
        with context.broker() as broker:
            if not broker.owned:
                raise RuntimeError("this row replaces files of its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Client(referee_command(), broker.bootstrap) as judge:
                topic = checks.Bench(judge, judge, self.name).topic(1)
            folder = os.path.join(broker.data_dir, f"{topic}-0")
            ways = {
                "after a clean stop": lambda: None,
                "after an unclean one": lambda: os.remove(os.path.join(broker.data_dir, ".kafka_cleanshutdown")),
                "with its indexes lost": lambda: remove_indexes(folder),
            }
            for way, damage in ways.items():
                broker.stop()
                install(folder)
                damage()
                broker.start()
                report.check(way, lambda: self._judge(report, broker, topic, folder))
        return report

    def _judge(self, report, broker, topic, folder):
        with open(os.path.join(FOLDER, EXPECTED)) as file:
            committed = file.read().split("\n")[:-1]
        found = consume(broker, topic, "read_committed")
        expect(found == committed, f"read_committed: {found} in place of {committed}")
        everything = consume(broker, topic, "read_uncommitted")
        expect(UNDECIDED in everything and set(committed) < set(everything), f"read_uncommitted: {everything}")
        for name in os.listdir(FOLDER):
            if name.endswith(".txnindex"):
                expect(content(folder, name) == content(FOLDER, name), f"{name} is not what Kafka made of the log")
        broker.stop()
        complaints, files, _ = log_dump.dump(broker.data_dir)
        broker.start()
        expect(files.get(".txnindex") and not complaints, "\n".join(complaints[:10]) or f"only {files} were found")
        report.fact(f"{len(committed)} of {len(everything)} records are committed")


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def install(folder):
    """Puts Kafka's files in place of the partition's own."""
    for name in os.listdir(folder):
        if name != "partition.metadata":
            os.remove(os.path.join(folder, name))
    for name in os.listdir(FOLDER):
        if name != EXPECTED:
            shutil.copy(os.path.join(FOLDER, name), folder)


def remove_indexes(folder):
    for name in os.listdir(folder):
        if name.endswith("index"):
            os.remove(os.path.join(folder, name))


def consume(broker, topic, isolation):
    command = ["kcat", "-C", "-b", broker.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%s\n"]
    done = subprocess.run([*command, "-X", f"isolation.level={isolation}"], capture_output=True, timeout=60)
    expect(done.returncode == 0, f"kcat -C ended with status {done.returncode}: {done.stderr[-1000:].decode()}")
    return done.stdout.decode().split("\n")[:-1]
