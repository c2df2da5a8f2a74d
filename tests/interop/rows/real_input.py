"""Real text through kcat: what is consumed is what was produced, per partition in the same order, for every codec; and
again while the broker is killed with SIGKILL."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

from harness import checks, toolchain
from harness.client import Client
from harness.corpus import PARTITIONS, Bag, Corpus
from harness.report import Report
from rows.client_rows import PYTHON, kcat, referee_command

FORMAT = "%p\t%k\t%s\n"


class Workspace:
    """A corpus and topics for one row."""

    def __init__(self, context, broker):
        self.broker = broker
        self.folder = tempfile.mkdtemp(prefix="sluice-interop-input-")
        self.corpus = Corpus(self.folder, context.full)
        self.judge = Client(referee_command(), broker.bootstrap)
        self.bench = checks.Bench(self.judge, self.judge, "input")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.judge.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def topic(self):
        """A topic all of whose partitions already answer: the retry of a first refusal would change the order of lines
        in a producer that is not idempotent."""
        name = self.bench.topic(PARTITIONS)
        for partition in range(PARTITIONS):
            checks.eventually(lambda: self.judge.call("list_offsets", topic=name, partition=partition)["latest"] == 0)
        return name

    def producer_arguments(self, topic, codec, *more):
        options = ["-z", codec, "-K", "\t", "-X", "acks=all", "-X", "message.timeout.ms=300000", *more]
        return ["kcat", "-P", "-b", self.broker.bootstrap, "-t", topic, *options]

    def check_arrived(self, topic, whole=True):
        """Consumes all of `topic` from the beginning and compares it with the input, line by line. Returns checksums of
        the partitions, or, where not the `whole` input need be there, the number of lines in each."""
        command = ["kcat", "-C", "-b", self.broker.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", FORMAT]
        with tempfile.TemporaryFile() as complaints:
            consumer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, bufsize=1 << 20)
            try:
                found = self._compare(consumer.stdout, whole)
            except BaseException:
                consumer.kill()
                raise
            finally:
                consumer.stdout.close()
                status = consumer.wait()
            complaints.seek(0)
            checks.expect(status == 0, f"kcat -C ended with status {status}: {complaints.read()[-1000:].decode()}")
        return found

    def _compare(self, output, whole):
        wanted = [open(path, "rb") for path in self.corpus.expected]
        hashes, counts, bag = [hashlib.sha256() for _ in wanted], [0] * PARTITIONS, Bag()
        for row in output:
            partition, line = int(row[:1]), row[2:]
            expected = wanted[partition].readline()
            if line != expected:
                raise checks.Failure(f"partition {partition}: {line[:200]!r} in place of {expected[:200]!r}")
            hashes[partition].update(line)
            counts[partition] += 1
            bag.add(line[line.index(b"\t") + 1 : -1])
        if not whole:
            return counts
        for partition, file in enumerate(wanted):
            missing = file.readline()
            file.close()
            checks.expect(not missing, f"partition {partition}: the end is missing, from {missing[:200]!r}")
        checks.expect(str(bag) == str(self.corpus.bag), f"checksum of the lines {bag}, expected {self.corpus.bag}")
        return [digest.hexdigest()[:16] for digest in hashes]


def describe_input(report, corpus):
    report.fact(f"input: {corpus.count} lines, {corpus.bytes} bytes, checksum of the multiset {corpus.bag}")


class RealInput:
    name = "real-input"
    summary = "lines of /usr/share/doc through kcat, with every codec"

    def run(self, context):
        report = Report(self.name, "row")
        kcat()
        with context.broker() as broker, Workspace(context, broker) as work:
            describe_input(report, work.corpus)
            for codec in checks.CODECS:
                report.check(f"kcat, {codec}", lambda: self._through(report, work, codec))
        return report

    @staticmethod
    def _through(report, work, codec):
        topic = work.topic()
        with open(work.corpus.path, "rb") as lines:
            done = subprocess.run(work.producer_arguments(topic, codec), stdin=lines, capture_output=True)
        checks.expect(done.returncode == 0, f"kcat -P ended with status {done.returncode}: {done.stderr[-1000:].decode()}")
        report.fact(f"{codec}: sha256 of partitions 0 to 5: {' '.join(work.check_arrived(topic))}")


class KilledBroker:
    name = "killed-broker"
    summary = "kill -9 of the broker while idempotent producers send lines with acks=all"
    kills = 3

    def run(self, context):
        report = Report(self.name, "row")
        kcat()
        with context.broker({"sluice.durability": "fsync"}) as broker:
            if not broker.owned:
                raise RuntimeError("this row kills its broker; unset SLUICE_INTEROP_BOOTSTRAP")
            with Workspace(context, broker) as work:
                describe_input(report, work.corpus)
                report.check("kcat, the broker is killed", lambda: self._kcat(report, work))
                report.check("confluent-kafka goes on over three kills of the broker", lambda: self._surviving_producer(report, work))
                report.check("broker and producer are killed", lambda: self._killed_producer(report, work))
        return report

    @staticmethod
    def _kcat(report, work):
        """kcat gives up when its only broker is gone. It then has told the offset of all that was acknowledged, and every
        partition must hold a beginning of what was to be sent to it that reaches at least as far."""
        topic = work.topic()
        # A short queue, so that much is acknowledged by the time that half of the input is read.
        options = ["-X", "enable.idempotence=true", "-X", "queue.buffering.max.messages=5000", "-vvv"]
        command = work.producer_arguments(topic, "lz4", *options)
        with tempfile.TemporaryFile() as told:
            producer = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=told)
            kill_at, sent = os.path.getsize(work.corpus.path) // 2, 0
            try:
                with open(work.corpus.path, "rb") as lines:
                    while sent < kill_at:
                        sent += producer.stdin.write(lines.read(1 << 16))
                work.broker.kill()
                producer.stdin.close()
            except BrokenPipeError:
                pass
            status = producer.wait(400)
            told.seek(0)
            acknowledged = [0] * PARTITIONS
            for partition, offset in re.findall(rb"delivered to partition (\d+) \(offset (\d+)\)", told.read()):
                acknowledged[int(partition)] = max(acknowledged[int(partition)], int(offset) + 1)
        checks.expect(status != 0, "kcat did not notice that the broker was killed")
        report.fact(f"kcat: the broker answered again {start(work.broker):.2f} s after its start")
        present = work.check_arrived(topic, whole=False)
        checks.expect(sum(acknowledged) > 0, "the broker was killed before it acknowledged anything")
        for partition in range(PARTITIONS):
            checks.expect(
                present[partition] >= acknowledged[partition],
                f"partition {partition} holds {present[partition]} lines, {acknowledged[partition]} were acknowledged",
            )
        report.fact(f"kcat: acknowledged lines per partition {acknowledged}, present {present}")

    def _surviving_producer(self, report, work):
        topic = work.topic()
        producer, times = Acknowledged(work, topic), []
        for kill in range(self.kills):
            producer.await_count(work.corpus.count * (kill + 1) // (self.kills + 1))
            work.broker.kill()
            times.append(start(work.broker))
        producer.await_end()
        checks.expect(len(producer.offsets) == work.corpus.count, f"only {len(producer.offsets)} were acknowledged")
        self._judge(report, work, topic, producer.offsets, "surviving producer")
        report.fact(f"the broker answered again after {', '.join(f'{seconds:.2f} s' for seconds in times)}")

    def _killed_producer(self, report, work):
        """No retry can make up for a line that was acknowledged and then lost."""
        topic = work.topic()
        producer = Acknowledged(work, topic)
        producer.await_count(work.corpus.count // 3)
        work.broker.kill()
        producer.kill()
        work.broker.start()
        self._judge(report, work, topic, producer.offsets, "killed producer")

    @staticmethod
    def _judge(report, work, topic, acknowledged, what):
        """Every acknowledged line is at its offset; no line is there twice; each partition is in the order of sending."""
        found = {}
        last = [-1] * PARTITIONS
        with open(work.corpus.path, "rb") as lines:
            sent = lines.readlines()
        for partition, offset, line in consume(work.broker.bootstrap, topic):
            number = int(line[: line.index(b"\t")])
            checks.expect(line == sent[number], f"partition {partition}, offset {offset} holds {line[:200]!r}")
            checks.expect(number not in found, f"line {number} is at {found.get(number)} and {(partition, offset)}")
            checks.expect(number > last[partition], f"line {number} follows line {last[partition]}")
            found[number] = (partition, offset)
            last[partition] = number
        lost = [number for number, place in acknowledged.items() if found.get(number) != place]
        if lost:
            first = lost[0]
            raise checks.Failure(
                f"{len(lost)} of {len(acknowledged)} acknowledged lines are lost or moved; the first, line {first}, "
                f"was acknowledged at {acknowledged[first]} and is at {found.get(first)}"
            )
        report.fact(f"{what}: {len(acknowledged)} acknowledged lines are there once, of {len(found)} in the topic")


def start(broker):
    """Seconds from the start to the first answer."""
    started = time.monotonic()
    broker.start()
    return time.monotonic() - started


def consume(bootstrap, topic):
    """(partition, offset, line) of all that is in the topic."""
    command = ["kcat", "-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %k\t%s\n"]
    done = subprocess.run(command, capture_output=True)
    checks.expect(done.returncode == 0, f"kcat -C ended with status {done.returncode}: {done.stderr[-1000:].decode()}")
    for row in done.stdout.split(b"\n")[:-1]:
        partition, offset, line = row.split(b" ", 2)
        yield int(partition), int(offset), line + b"\n"


class Acknowledged:
    """The program acknowledged.py, and what it has reported so far: {line number: (partition, offset)}."""

    def __init__(self, work, topic):
        program = os.path.join(PYTHON, "acknowledged.py")
        command = [referee_command()[0], program, work.broker.bootstrap, topic, work.corpus.path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.offsets = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for row in self.process.stdout:
            if row.endswith(b"\n"):
                number, partition, offset = map(int, row.split())
                self.offsets[number] = (partition, offset)

    def await_count(self, count):
        deadline = time.monotonic() + 120
        while len(self.offsets) < count:
            checks.expect(time.monotonic() < deadline, f"only {len(self.offsets)} of {count} acknowledged after 120 s")
            checks.expect(self.process.poll() is None, "the producer has ended")
            time.sleep(0.01)

    def await_end(self):
        status = self.process.wait(600)
        self._reader.join()
        checks.expect(status == 0, f"the producer ended with status {status}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
