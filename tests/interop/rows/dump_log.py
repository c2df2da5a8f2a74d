"""What the broker leaves on disk after SIGTERM, read by Kafka's DumpLogSegments."""

from harness import checks, log_dump
from harness.checks import expect
from harness.client import Client
from harness.kafka_tools import KafkaTools
from harness.report import Report
from rows.client_rows import referee_command


class DumpLog:
    name = "dump-log"
    summary = "Kafka's DumpLogSegments reads every log, index and snapshot file"

    def run(self, context):
        report = Report(self.name, "row")
        report.version = KafkaTools.version
        KafkaTools()
        with context.broker() as broker:
            if not broker.owned:
                raise RuntimeError("this row looks into the data directory of its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Client(referee_command(), broker.bootstrap) as judge:
                self._write(checks.Bench(judge, judge, self.name))
            broker.stop()
            report.check("after a clean stop", lambda: self._judge(report, broker))
            broker.start()
            with Client(referee_command(), broker.bootstrap) as judge:
                self._write(checks.Bench(judge, judge, self.name))
            broker.kill()
            broker.start()
            broker.stop()
            report.check("after a kill, recovery and a clean stop", lambda: self._judge(report, broker))
            broker.start()
        return report

    @staticmethod
    def _write(bench):
        """Partitions of one and of many segments, of every codec, with and without sequence numbers, and empty ones."""
        small = {"segment_bytes": "1048576", "index_interval_bytes": "1024"}
        for codec in checks.CODECS:
            topic = bench.topic(3, **small)
            for round_, batch in enumerate((1, 7, 50, 1000, 10000, 50)):
                arguments = {"topic": topic, "partition": 1, "codec": codec, "idempotent": round_ % 2 == 0}
                bench.referee.call("produce", records=checks.plain_records(4000, size=250), batch=batch, **arguments)
        timed = bench.topic(1, segment_bytes="1048576")
        bench.fill(timed, 0, checks.timed_records(3000))
        bench.fill(timed, 0, list(reversed(checks.timed_records(3000))), "gzip")

    @staticmethod
    def _judge(report, broker):
        complaints, files, batches = log_dump.dump(broker.data_dir)
        expect(files.get(".log", 0) > 20, f"only {files} were found in {broker.data_dir}")
        expect(not complaints, f"{len(complaints)} complaints, the first:\n" + "\n".join(complaints[:10]))
        names = ", ".join(f"{count} {kind}" for kind, count in files.items())
        for codec in checks.CODECS:
            expect(batches[codec], f"no batch is stored as {codec}, but {dict(batches)}")
        counts = ", ".join(f"{batches[codec]} {codec}" for codec in checks.CODECS)
        report.fact(f"read without a complaint: {names}; batches: {counts}")
