"""A disk that fills up, on a real small file system: producers are refused and go on by themselves, nothing that was
acknowledged is lost, and the broker lives, and starts, on the full disk."""

import errno
import os
import threading
import time
import uuid

from harness import checks, toolchain
from harness.checks import expect
from harness.client import Client
from harness.mounts import PrivateMounts
from harness.report import Report
from rows.client_rows import referee_command

MIB = 1 << 20
SIZE = 200 * MIB
RESERVE = SIZE // 20
VALUE_BYTES = 50_000
RESUME_SECONDS = 20  # of a client whose back-off has grown, and the broker's look once a second


class FullDisk:
    name = "full-disk"
    summary = "a file system of 200 MB fills up, and there is room again"

    def run(self, context):
        report = Report(self.name, "row")
        referee_command()  # skips where there is none
        with PrivateMounts() as mounts:
            # Segments small enough that deleting records gives room.
            broker = context.broker({"log.segment.bytes": str(8 * MIB), "num.partitions": "2"})
            if not broker.owned:
                raise RuntimeError("this row fills its broker's disk; unset SLUICE_INTEROP_BOOTSTRAP")
            broker.wrapper = mounts.wrapper
            os.mkdir(broker.data_dir)
            mounts.tmpfs(broker.data_dir, SIZE)
            with broker:
                story = Story(report, broker, mounts)
                report.check("producers are refused while the reserve is there", story.fill)
                report.check("consumers read, groups commit and topics come and go on the full disk", story.use_full_disk)
                report.check("producers go on when retention makes room", story.retention)
                report.check("producers go on when a topic is deleted", story.delete_topic)
                report.check("a stop and a start on the full disk", story.restart)
                report.check("the reserve is gone too", story.fill_by_others)
                report.check("kill -9 and a start without a free byte", story.killed_without_room)
                report.check("producers go on when the disk grows", story.grow)
                report.check("nothing that was acknowledged is lost", story.judge)
                story.close()
        return report


class Story:
    """The checks, which build on each other: one broker, one disk, producers that never give up."""

    def __init__(self, report, broker, mounts):
        self.report, self.broker, self.mounts = report, broker, mounts
        self.seen_data = mounts.root + broker.data_dir
        self.producers = []
        self.judge_client = Client(referee_command(), broker.bootstrap)
        self.topic = self._new_topic("kept")
        self.writer = Writer(broker.bootstrap, self.topic)

    def _new_topic(self, what):
        name = f"{what}-{uuid.uuid4().hex[:8]}"
        self.judge_client.call("create_topic", topic=name, partitions=2, configs={})
        return name

    def free(self):
        found = os.statvfs(self.seen_data)
        return found.f_bavail * found.f_frsize

    def await_refusal(self):
        """Until nothing was acknowledged for two seconds."""
        deadline = time.monotonic() + 120
        count, since = len(self.writer.offsets), time.monotonic()
        while time.monotonic() - since < 2:
            expect(time.monotonic() < deadline, "the disk does not fill up")
            time.sleep(0.1)
            if len(self.writer.offsets) != count:
                count, since = len(self.writer.offsets), time.monotonic()
        expect(self.broker.alive(), "the broker has ended")

    def await_progress(self, what):
        count, started = len(self.writer.offsets), time.monotonic()
        while len(self.writer.offsets) <= count + 20:
            waited = time.monotonic() - started
            expect(waited < RESUME_SECONDS, f"nothing is acknowledged {waited:.0f} s after {what}")
            expect(self.broker.alive(), "the broker has ended")
            time.sleep(0.05)
        self.report.fact(f"{what}: acknowledged again after {time.monotonic() - started:.1f} s")

    def fill(self):
        self.await_refusal()
        free = self.free()
        self.report.fact(f"{len(self.writer.offsets)} records acknowledged, then refused; {free / MIB:.1f} MiB are free")
        expect(free > RESERVE // 2, f"only {free} bytes of the reserve of {RESERVE} are left")
        expect(free < 2 * RESERVE + 8 * MIB, f"refused with {free} bytes free")

    def use_full_disk(self):
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer(
            {"bootstrap.servers": self.broker.bootstrap, "group.id": "full", "enable.auto.commit": False}
        )
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        expect(len(consumer.consume(100, 20)) == 100, "a consumer does not get its records")
        consumer.commit(offsets=[TopicPartition(self.topic, 0, 100)], asynchronous=False)
        expect(consumer.committed([TopicPartition(self.topic, 0)], 10)[0].offset == 100, "the commit is lost")
        consumer.close()
        self.judge_client.call("delete_topic", topic=self._new_topic("short-lived"))

    def retain_less(self):
        """For a moment only: the room is for whoever comes first."""
        self.judge_client.call("alter_configs", topic=self.topic, configs={"retention.bytes": str(50 * MIB)})
        self.await_progress("retention.bytes was lowered")
        self.judge_client.call("alter_configs", topic=self.topic, configs={})

    def retention(self):
        self.retain_less()
        self.await_refusal()

    def delete_topic(self):
        other = self._new_topic("to-go")
        greedy = Writer(self.broker.bootstrap, other)
        self.retain_less()
        self.await_refusal()
        greedy.stop(flush=False)
        self.judge_client.call("delete_topic", topic=other)
        self.await_progress("a topic was deleted")
        self.await_refusal()

    def restart(self):
        self.broker.stop()
        self.broker.start()
        expect(self.free() < 2 * RESERVE + 8 * MIB, "the disk is not full any more")
        self._read_some()
        self.await_refusal()

    def fill_by_others(self):
        file = os.open(os.path.join(self.seen_data, "of-others"), os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(file, bytes(4096)):
                pass
        except OSError as full:
            expect(full.errno == errno.ENOSPC, f"{full}")
        finally:
            os.close(file)
        expect(self.free() < 64 << 10, f"{self.free()} bytes are free")
        self.await_refusal()
        self._read_some()

    def killed_without_room(self):
        self.broker.kill()
        self.broker.start()
        self._read_some()
        self.await_refusal()

    def grow(self):
        self.mounts.run("mount", "-o", f"remount,size={2 * SIZE}", self.broker.data_dir)
        self.await_progress("the disk grew")

    def _read_some(self):
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": uuid.uuid4().hex})
        low, _ = consumer.get_watermark_offsets(TopicPartition(self.topic, 0), 20)
        consumer.assign([TopicPartition(self.topic, 0, low)])
        expect(len(consumer.consume(20, 20)) == 20, "a consumer does not get its records")
        consumer.close()

    def judge(self):
        from confluent_kafka import Consumer, TopicPartition

        self.writer.stop(flush=True)
        acknowledged = self.writer.offsets
        missing, found = 0, 0
        for partition in (0, 1):
            consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": uuid.uuid4().hex})
            low, high = consumer.get_watermark_offsets(TopicPartition(self.topic, partition), 20)
            consumer.assign([TopicPartition(self.topic, partition, low)])
            numbers = {}
            position = low
            while position < high:
                got = consumer.consume(500, 10)
                expect(got, f"partition {partition}: nothing comes from offset {position}, the end is {high}")
                for message in got:
                    expect(message.error() is None, str(message.error()))
                    expect(message.key() not in numbers, f"record {message.key()} is there twice")
                    numbers[message.key()] = message.offset()
                    position = message.offset() + 1
            consumer.close()
            found += len(numbers)
            for number, (where, offset) in acknowledged.items():
                if where == partition and offset >= low and numbers.get(number) != offset:
                    missing += 1
        expect(missing == 0, f"{missing} acknowledged records are lost")
        self.report.fact(f"{len(acknowledged)} acknowledged in all; of those that were not deleted none is missing ({found} read)")

    def close(self):
        self.writer.stop(flush=False)
        self.judge_client.close()


class Writer:
    """An idempotent librdkafka producer that sends without end and retries for ever: {number: (partition, offset)} of what
    was acknowledged."""

    def __init__(self, bootstrap, topic, partitions=2):
        from confluent_kafka import Producer

        self.offsets = {}
        self.errors = []
        self._topic = topic
        self._partitions = partitions
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "retry.backoff.ms": 500,
                "queue.buffering.max.kbytes": 4096,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        value = os.urandom(VALUE_BYTES)
        while not self._stopping.is_set():
            try:
                self._producer.produce(
                    self._topic, value, b"%d" % number, partition=number % self._partitions, on_delivery=self._delivered
                )
                number += 1
                self._producer.poll(0)
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error, message):
        if error:
            self.errors.append(error)
        else:
            self.offsets[message.key()] = (message.partition(), message.offset())

    def stop(self, flush):
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join()
        if flush:
            left = self._producer.flush(60)
            expect(left == 0, f"{left} records were not delivered")
            expect(not self.errors, f"{len(self.errors)} failed, the first: {self.errors[:1]}")
        else:
            self._producer.purge()
