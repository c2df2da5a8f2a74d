"""A partition moves to another data directory by Kafka's own reassignment tool, while an idempotent producer writes to it."""

import json
import os
import time
import uuid

from harness.checks import expect
from harness.client import Client
from harness.kafka_tools import KafkaTools
from harness.report import Report
from rows.client_rows import referee_command
from rows.full_disk import Writer


class MovedPartition:
    name = "moved-partition"
    summary = "kafka-reassign-partitions moves a partition between log.dirs while it is written"

    def run(self, context):
        report = Report(self.name, "row")
        tools = KafkaTools()
        report.version = tools.version
        broker = context.broker()
        if not broker.owned:
            raise RuntimeError("this row looks into its broker's directories; unset SLUICE_INTEROP_BOOTSTRAP")
        directories = [os.path.join(broker.data_dir, name) for name in ("one", "two")]
        broker.settings = {"log.dirs": ",".join(directories)}
        with broker, Client(referee_command(), broker.bootstrap) as judge:
            tools.bootstrap = broker.bootstrap
            report.check("kafka-reassign-partitions, kafka-log-dirs", lambda: self._move(report, tools, judge, directories))
        return report

    @staticmethod
    def _move(report, tools, judge, directories):
        topic = f"moved-{uuid.uuid4().hex[:8]}"
        judge.call("create_topic", topic=topic, partitions=1, configs={})
        (home,) = [path for path in directories if os.path.exists(os.path.join(path, f"{topic}-0"))]
        (target,) = [path for path in directories if path != home]
        writer = Writer(tools.bootstrap, topic, partitions=1)
        time.sleep(2)
        plan = os.path.join(home, "..", "plan.json")
        move = {"topic": topic, "partition": 0, "replicas": [1], "log_dirs": [target]}
        with open(plan, "w") as file:
            json.dump({"version": 1, "partitions": [move]}, file)
        tool = "reassign.ReassignPartitionsCommand"
        before = len(writer.offsets)
        output = tools.ask(tool, "--execute", "--reassignment-json-file", plan)
        expect("Successfully started moving log directory" in output, output)
        deadline = time.monotonic() + 60
        while "completed successfully" not in output:
            expect(time.monotonic() < deadline, output)
            output = tools.ask(tool, "--verify", "--preserve-throttles", "--reassignment-json-file", plan)
        described = tools.ask("LogDirsCommand", "--describe", "--topic-list", topic).splitlines()[-1]
        for directory in json.loads(described)["brokers"][0]["logDirs"]:
            expect(len(directory["partitions"]) == (directory["logDir"] == target), described)
        time.sleep(1)
        during = len(writer.offsets) - before
        writer.stop(flush=True)
        offsets = sorted(offset for _, offset in writer.offsets.values())
        expect(offsets == list(range(len(offsets))), "acknowledged offsets are missing or there twice")
        latest = judge.call("list_offsets", topic=topic, partition=0)["latest"]
        expect(latest == len(offsets), f"the log ends at {latest}, {len(offsets)} records were acknowledged")
        report.fact(f"{len(offsets)} records acknowledged, {during} of them since the move began, each once")
