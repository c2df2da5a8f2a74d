"""kill -9 again and again while records are produced, segments roll, are compacted and deleted. After each recovery
Kafka's DumpLogSegments and `sluice log verify` find nothing wrong, and no acknowledged record is missing or there twice.

SLUICE_KILL_CYCLES says how many kills; 5 without it."""

import os
import random
import subprocess
import threading
import time

from harness import checks, log_dump
from harness.checks import expect
from harness.client import Client
from harness.report import Report
from harness.toolchain import Skip
from rows.client_rows import referee_command

PARTITIONS = 2
KEYS = 500
RECORDS_PER_SECOND = 100  # what every kill has to go through again stays small
VALUE_BYTES = 700
# Far more than a broker needs to come back, so that one producer lives through all kills.
DELIVERY_TIMEOUT_MS = 600_000
SETTINGS = {
    "sluice.durability": "fsync",
    "log.retention.check.interval.ms": "300",
    "log.cleaner.backoff.ms": "200",
    "log.flush.offset.checkpoint.interval.ms": "1000",
    "sluice.scrub.interval.ms": "2000",
}
SMALL = {"segment.bytes": "131072", "index.interval.bytes": "1024", "file.delete.delay.ms": "100"}
TOPICS = {
    "kept": {**SMALL, "retention.ms": "-1"},
    "deleted": {**SMALL, "retention.ms": "-1", "retention.bytes": "1048576"},
    "compacted": {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"},
}


class Sender(threading.Thread):
    """Sends numbered records to all topics, and notes where each was acknowledged."""

    def __init__(self, bootstrap, topics):
        super().__init__(daemon=True)
        from confluent_kafka import Producer

        self.topics = topics
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 2,
                "batch.size": 20000,  # far below a segment
                "queue.buffering.max.messages": 4000,
                "message.timeout.ms": DELIVERY_TIMEOUT_MS,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self.lock = threading.Lock()
        self.acknowledged = {topic: {} for topic in topics}  # number -> (partition, offset)
        self.sent = 0
        self.errors = []
        self.halted = threading.Event()

    @staticmethod
    def key_of(number):
        return b"k%d" % (number * 7919 % KEYS)

    def run(self):
        while not self.halted.wait(1 / RECORDS_PER_SECOND):
            number = self.sent
            self.sent += 1
            for topic in self.topics:
                self._send(topic, number)
            self.producer.poll(0)
        self.producer.flush(120)

    def _send(self, topic, number):
        value = (b"%d " % number).ljust(VALUE_BYTES, b".")
        while True:
            try:
                self.producer.produce(
                    topic,
                    key=self.key_of(number),
                    value=value,
                    partition=number * 7919 % KEYS % PARTITIONS,
                    on_delivery=lambda error, message: self._delivered(topic, number, error, message),
                )
                return
            except BufferError:
                self.producer.poll(0.05)

    def _delivered(self, topic, number, error, message):
        with self.lock:
            if error is not None:
                self.errors.append(f"{topic} {number}: {error}")
            else:
                self.acknowledged[topic][number] = (message.partition(), message.offset())

    def snapshot(self, topic):
        with self.lock:
            return dict(self.acknowledged[topic])

    def halt(self):
        self.halted.set()
        self.join(180)


def consume(bootstrap, topic):
    """Every record of `topic` as (partition, offset, number, key), and where each partition begins."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": False,
                         "enable.partition.eof": True, "log_level": 0})
    found, begins = [], {}
    try:
        places = []
        for partition in range(PARTITIONS):
            low, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            begins[partition] = low
            places.append(TopicPartition(topic, partition, low))
        consumer.assign(places)
        ended = set()
        deadline = time.monotonic() + 300
        while len(ended) < PARTITIONS:
            expect(time.monotonic() < deadline, f"{topic}: not read to its end within 300 s")
            for message in consumer.consume(1000, 1.0):
                if message.error() is None:
                    number = int(message.value().split(b" ", 1)[0])
                    found.append((message.partition(), message.offset(), number, message.key()))
                elif message.error().code() == -191:  # the end of a partition
                    ended.add(message.partition())
                else:
                    raise checks.Failure(f"{topic}: {message.error()}")
    finally:
        consumer.close()
    return found, begins


class KillCycles:
    name = "kill-cycles"
    summary = "kill -9 during produce, roll, compaction and retention, again and again"

    def run(self, context):
        report = Report(self.name, "row")
        cycles = int(os.environ.get("SLUICE_KILL_CYCLES", "200" if context.full else "5"))
        self.random = random.Random(int(os.environ.get("SLUICE_SEED", "1")))
        self.tool = os.path.join(os.path.dirname(context.sluiced or ""), "sluice")
        self.dumps = self._have_java(report)
        with context.broker(SETTINGS) as broker:
            if not broker.owned:
                raise RuntimeError("this row kills its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Client(referee_command(), broker.bootstrap) as judge:
                for topic, configs in TOPICS.items():
                    judge.call("create_topic", topic=topic, partitions=PARTITIONS, configs=configs)
            sender = Sender(broker.bootstrap, list(TOPICS))
            sender.start()
            try:
                for cycle in range(cycles):
                    report.check(f"kill {cycle + 1}", lambda: self._cycle(broker, sender, cycle, cycles))
                    if report.failed:
                        break
            finally:
                sender.halt()
            report.check("at the end", lambda: self._judge_all(report, broker, sender))
            report.fact(f"{cycles} kills, {sender.sent} records sent to each of {len(TOPICS)} topics")
        return report

    @staticmethod
    def _have_java(report):
        try:
            log_dump.KafkaTools()
            return True
        except Skip as absent:
            report.fact(f"DumpLogSegments is left out: {absent}")
            return False

    def _cycle(self, broker, sender, cycle, cycles):
        time.sleep(self.random.uniform(0.2, 1.5))
        broker.kill()
        broker.start()
        # A full look costs more the more there is.
        if cycles <= 10 or cycle % 10 == 9:
            self._judge_topics(broker, sender, final=False)
        broker.stop()
        self._judge_files(broker)
        broker.start()
        expect(not sender.errors, f"{len(sender.errors)} records failed, the first: {sender.errors[:1]}")

    def _judge_files(self, broker):
        done = subprocess.run([self.tool, "log", "verify", broker.data_dir, "--quiet"], capture_output=True, timeout=600)
        expect(done.returncode == 0, f"sluice log verify ended with {done.returncode}:\n"
               f"{(done.stdout[-2000:] + done.stderr[-1000:]).decode(errors='replace')}")
        if not self.dumps:
            return
        complaints, _, _ = log_dump.dump(broker.data_dir)
        # Compaction leaves gaps, which the tool tells too.
        complaints = [line for line in complaints
                      if not ("Non-consecutive offsets" in line and ("/compacted-" in line or "/__" in line))]
        expect(not complaints, f"{len(complaints)} complaints, the first:\n" + "\n".join(complaints[:10]))

    def _judge_all(self, report, broker, sender):
        expect(not sender.errors, f"{len(sender.errors)} records failed, the first: {sender.errors[:1]}")
        for topic in TOPICS:
            count = len(sender.snapshot(topic))
            expect(count == sender.sent, f"{topic}: {count} of {sender.sent} were acknowledged")
        self._judge_topics(broker, sender, final=True)
        broker.stop()
        self._judge_files(broker)
        broker.start()
        report.fact(f"segments on disk: {sum(path.endswith('.log') for path in log_dump.log_files(broker.data_dir))}")

    def _judge_topics(self, broker, sender, final):
        for topic in TOPICS:
            acknowledged = sender.snapshot(topic)
            found, begins = consume(broker.bootstrap, topic)
            numbers = [number for _, _, number, _ in found]
            expect(len(numbers) == len(set(numbers)), f"{topic}: {len(numbers) - len(set(numbers))} records are there twice")
            places = {number: (partition, offset) for partition, offset, number, _ in found}
            if topic == "compacted":
                self._judge_compacted(acknowledged, found)
            else:
                self._judge_kept(topic, acknowledged, places, begins)

    @staticmethod
    def _judge_kept(topic, acknowledged, places, begins):
        for number, place in acknowledged.items():
            if place[1] < begins[place[0]] and topic == "deleted":
                continue
            expect(places.get(number) == place,
                   f"{topic}: record {number} was acknowledged at {place} and is at {places.get(number)}")

    @staticmethod
    def _judge_compacted(acknowledged, found):
        last = {}
        for _, _, number, key in sorted(found, key=lambda row: (row[0], row[1])):
            last[key] = number
        wanted = {}
        for number in sorted(acknowledged):
            wanted[Sender.key_of(number)] = number
        for key, number in wanted.items():
            expect(last.get(key, -1) >= number,
                   f"compacted: the last value of {key.decode()} is {last.get(key)}, {number} was acknowledged")
