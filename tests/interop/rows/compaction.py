"""A compacted topic as librdkafka sees it, and what compaction leaves on disk as Kafka's DumpLogSegments sees it."""

import os
import random
import subprocess
import time

from harness import checks, log_dump
from harness.checks import expect
from harness.client import Client
from harness.report import Report
from harness.toolchain import Skip
from rows.client_rows import referee_command

SETTINGS = {"log.cleaner.backoff.ms": "100"}
CONFIGS = {"cleanup.policy": "compact", "segment.bytes": "65536", "index.interval.bytes": "1024",
           "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0", "file.delete.delay.ms": "0"}
RECORDS = 6000
KEYS = 300
INVALID_RECORD = 87


def read_all(bootstrap, topic):
    """Key and value of every record."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    records = []
    try:
        while True:
            for message in consumer.consume(1000, 0.5):
                if message.error() is None:
                    records.append((message.key(), message.value()))
                elif message.error().code() == -191:  # the end of the partition
                    return records
                else:
                    raise checks.Failure(f"{topic}: {message.error()}")
    finally:
        consumer.close()


class Compaction:
    name = "compaction"
    summary = "compacted topics of every codec: the last values, tombstones, keyless records refused, files"

    def run(self, context):
        report = Report(self.name, "row")
        self.random = random.Random(1)
        tool = os.path.join(os.path.dirname(context.sluiced or ""), "sluice")
        with context.broker(SETTINGS) as broker:
            if not broker.owned:
                raise RuntimeError("this row looks into the data directory of its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Client(referee_command(), broker.bootstrap) as judge:
                for codec in checks.CODECS:
                    judge.call("create_topic", topic=f"compacted-{codec}", partitions=1, configs=CONFIGS)
            last = {codec: self._write(broker.bootstrap, codec) for codec in checks.CODECS}
            for codec in checks.CODECS:
                report.check(f"last values, {codec}", lambda: self._judge_values(report, broker.bootstrap, codec, last[codec]))
            report.check("a record without a key is refused", lambda: self._keyless(broker.bootstrap))
            broker.stop()
            report.check("the files", lambda: self._judge_files(report, broker, tool))
            broker.start()
            for codec in checks.CODECS:
                report.check(f"after a restart, {codec}",
                             lambda: self._judge_values(report, broker.bootstrap, codec, last[codec]))
        return report

    def _write(self, bootstrap, codec):
        """The last value of each key, None for a tombstone."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 2,
                             "batch.num.messages": 50, "enable.idempotence": True, "log_level": 0})
        last = {}
        for number in range(RECORDS):
            key = b"key-%d" % self.random.randrange(KEYS)
            value = None if self.random.random() < 0.1 else b"%d " % number + os.urandom(30).hex().encode()
            producer.produce(f"compacted-{codec}", value, key)
            last[key] = value
            if number % 50 == 0:
                producer.poll(0)
        expect(producer.flush(60) == 0, "not everything was produced")
        return last

    @staticmethod
    def _judge_values(report, bootstrap, codec, last):
        deadline = time.monotonic() + 30
        while True:
            records = read_all(bootstrap, f"compacted-{codec}")
            if len(records) < RECORDS / 3 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        expect(len(records) < RECORDS / 3, f"{len(records)} of {RECORDS} records are left: not compacted")
        found = {}
        for key, value in records:
            found[key] = value
        for key, value in last.items():
            expect(found.get(key) == value, f"{key} is {found.get(key)}, not {value}")
        report.fact(f"{codec}: {len(records)} of {RECORDS} records left, {len(last)} keys")

    @staticmethod
    def _keyless(bootstrap):
        from confluent_kafka import Producer

        errors = []
        producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        producer.produce("compacted-none", b"no key", on_delivery=lambda error, _: errors.append(error))
        producer.flush(30)
        expect(errors and errors[0] is not None and errors[0].code() == INVALID_RECORD, f"the answer is {errors}")

    @staticmethod
    def _judge_files(report, broker, tool):
        done = subprocess.run([tool, "log", "verify", broker.data_dir, "--quiet"], capture_output=True, timeout=600)
        expect(done.returncode == 0, f"sluice log verify ended with {done.returncode}:\n"
               f"{(done.stdout[-2000:] + done.stderr[-1000:]).decode(errors='replace')}")
        try:
            complaints, files, batches = log_dump.dump(broker.data_dir)
        except Skip as absent:
            return report.fact(f"DumpLogSegments is left out: {absent}")
        # Compaction leaves gaps, which the tool tells too.
        complaints = [line for line in complaints if "Non-consecutive offsets" not in line]
        expect(not complaints, f"{len(complaints)} complaints, the first:\n" + "\n".join(complaints[:10]))
        report.fact(f"DumpLogSegments read {files}, batches by codec {dict(batches)}")
