#!/usr/bin/python3
"""One compacted topic, compacted by Sluice and by Apache Kafka from the same files: what survives, time, CPU, memory.

  compaction_compare.py --sluiced build/release/bin/sluiced --kafka-home DIR [--records 10000000] [--keys 1000000]

--kafka-home is a directory with Kafka's jars (or one that has them in libs/); java 17 or newer is needed, and librdkafka
as /usr/bin/python3's confluent_kafka. Keys follow a Zipf distribution. The records are produced to Sluice once, while
nothing is compacted; its segments are then copied into a Kafka data directory. Each server is started with its cleaner
idle, gets min.cleanable.dirty.ratio=0.01, and is watched from outside until its cleaner-offset-checkpoint says that all
sealed segments are clean: so both times include the wait for the next look (log.cleaner.backoff.ms=100). CPU is the
process's in that time, memory its peak (VmHWM) with the cleaner, and above what it had before. Afterwards both topics are
read by a consumer, and both directories by DumpLogSegments: offsets, keys, timestamps and values must be the same.
"""
import argparse
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

TICK = os.sysconf("SC_CLK_TCK")
TOPIC = "compacted"
CLEANER = {"log.cleaner.backoff.ms": "100", "log.cleaner.threads": "1", "log.cleaner.dedupe.buffer.size": "134217728"}
LOGGING = """status = warn
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = OUT
"""


class Server:
    """A broker process with a data directory, watched from outside."""

    def __init__(self, name, folder, port):
        self.name, self.folder, self.port = name, folder, port
        self.bootstrap = f"127.0.0.1:{port}"
        self.data = os.path.join(folder, "data")
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def start(self, cleaning):
        self.log = open(os.path.join(self.folder, "server.log"), "ab")
        self.process = subprocess.Popen(self.command(cleaning), stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if TOPIC in self.admin().list_topics(timeout=5).topics or not self.has_topic():
                    return self
            except Exception:
                time.sleep(0.1)
        sys.exit(f"{self.name} does not start, see {self.log.name}")

    def has_topic(self):
        return os.path.isdir(self.partition())

    def partition(self):
        return os.path.join(self.data, f"{TOPIC}-0")

    def admin(self):
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(120) not in (0, 143):
            sys.exit(f"{self.name} ended with status {self.process.returncode}, see {self.log.name}")
        self.log.close()

    def create_topic(self, segment_bytes):
        config = {"cleanup.policy": "compact", "segment.bytes": str(segment_bytes), "min.cleanable.dirty.ratio": "1",
                  "delete.retention.ms": "86400000", "file.delete.delay.ms": "1000"}
        admin = self.admin()
        for future in admin.create_topics([NewTopic(TOPIC, 1, 1, config=config)]).values():
            future.result(30)

    def let_clean(self):
        admin = self.admin()
        resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
        for each in admin.describe_configs([resource])[resource].result(30).values():
            if each.source == 1 and each.name != "min.cleanable.dirty.ratio":
                resource.set_config(each.name, each.value)
        resource.set_config("min.cleanable.dirty.ratio", "0.01")
        for future in admin.alter_configs([resource]).values():
            future.result(30)

    def clean_until(self):
        try:
            lines = open(os.path.join(self.data, "cleaner-offset-checkpoint")).read().split("\n")
        except FileNotFoundError:
            return 0
        found = [int(line.split()[2]) for line in lines if line.startswith(f"{TOPIC} 0 ")]
        return found[0] if found else 0

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory_mib(self, field):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(status.split(f"{field}:")[1].split()[0]) / 1024

    def measure(self, end):
        """Cleans everything below `end`."""
        time.sleep(3)  # its start is over
        open(f"/proc/{self.process.pid}/clear_refs", "w").write("5")
        before, cpu, started = self.memory_mib("VmRSS"), self.cpu(), time.monotonic()
        self.let_clean()
        while self.clean_until() < end:
            if time.monotonic() - started > 1800 or self.process.poll() is not None:
                sys.exit(f"{self.name} does not compact, see {self.log.name}")
            time.sleep(0.02)
        taken = time.monotonic() - started
        peak = self.memory_mib("VmHWM")
        return {"seconds": taken, "CPU seconds": self.cpu() - cpu, "peak MiB": peak, "peak MiB above idle": peak - before}


class Sluice(Server):
    def __init__(self, options, folder, port):
        super().__init__("sluice", folder, port)
        self.binary = options.sluiced

    def command(self, cleaning):
        settings = {"listeners": f"PLAINTEXT://{self.bootstrap}", "log.dirs": self.data, "sluice.durability": "os",
                    "sluice.admin.listener": "", "log.cleaner.enable": str(cleaning).lower(), **CLEANER}
        return [self.binary] + [part for item in settings.items() for part in ("--set", "=".join(item))]


class Kafka(Server):
    def __init__(self, options, folder, port):
        super().__init__("kafka", folder, port)
        libs = os.path.join(options.kafka_home, "libs")
        self.jars = os.path.join(libs if os.path.isdir(libs) else options.kafka_home, "*")
        self.heap = options.kafka_heap
        self.logging = os.path.join(folder, "log4j2.properties")
        open(self.logging, "w").write(LOGGING)
        self.properties = os.path.join(folder, "server.properties")

    def java(self, *arguments, heap="512m", level=None):
        logging = self.logging if level is None else level
        return ["java", f"-Xmx{heap}", "-XX:+UseG1GC", f"-Dlog4j2.configurationFile={logging}", "-cp", self.jars, *arguments]

    def command(self, cleaning):
        controller = f"127.0.0.1:{self.port + 1}"
        settings = {"process.roles": "broker,controller", "node.id": "1", "controller.quorum.voters": f"1@{controller}",
                    "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
                    "controller.listener.names": "CONTROLLER", "log.dirs": self.data,
                    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                    "offsets.topic.replication.factor": "1", "log.cleaner.enable": str(cleaning).lower(), **CLEANER}
        open(self.properties, "w").write("".join(f"{name}={value}\n" for name, value in settings.items()))
        if not os.path.exists(os.path.join(self.data, "meta.properties")):
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "Y29tcGFjdGlvbi1iZW5jaA", "-c",
                                     self.properties), check=True, stdout=self.log, stderr=self.log)
        return self.java("kafka.Kafka", self.properties, heap=self.heap)


def zipf_keys(count, keys, exponent, seed):
    """Key numbers by inverse transform over the harmonic sums, in chunks."""
    import bisect
    sums, total = [], 0.0
    for rank in range(1, keys + 1):
        total += 1.0 / rank**exponent
        sums.append(total)
    chance = random.Random(seed)
    names = list(range(keys))
    chance.shuffle(names)
    for _ in range(count):
        yield names[min(bisect.bisect_left(sums, chance.random() * total), keys - 1)]


def produce(server, options):
    producer = Producer({"bootstrap.servers": server.bootstrap, "linger.ms": 50, "batch.size": options.batch_bytes,
                         "compression.type": options.codec, "queue.buffering.max.messages": 1000000,
                         "queue.buffering.max.kbytes": 1 << 20, "acks": "all"})
    text = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=1 << 20)).encode()
    size = options.value_bytes
    for number, key in enumerate(zipf_keys(options.records, options.keys, options.exponent, 42)):
        at = (number * 7919) % (len(text) - size)
        value = b"%012d" % number + text[at:at + size - 12]
        while True:
            try:
                producer.produce(TOPIC, value, b"key-%012d" % key, partition=0)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(300):
        sys.exit("not everything was produced")


def consume(server):
    """(records, digest of all offsets, keys, timestamps and values)."""
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "compare", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "fetch.message.max.bytes": 8 << 20, "check.crcs": True})
    _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    digest, count, last = hashlib.sha256(), 0, -1
    while last < end - 1:
        messages = consumer.consume(10000, timeout=10)
        if not messages:
            break
        for message in messages:
            if message.error():
                sys.exit(f"{server.name}: {message.error()}")
            last = message.offset()
            digest.update(b"%d %d %s %s" % (last, message.timestamp()[1], message.key(), message.value()))
        count += len(messages)
    consumer.close()
    return count, digest.hexdigest()


def dump(kafka, server):
    """The same by DumpLogSegments, which also says whether every batch is sound. (records, digest, complaints)"""
    folder = server.partition()
    logs = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".log"))
    command = kafka.java("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--print-data-log", "--files",
                         ",".join(logs))
    digest, count, complaints = hashlib.sha256(), 0, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as tool:
        for line in tool.stdout:
            if line.startswith(b"|"):
                digest.update(line)
                count += 1
            elif b"isvalid: false" in line or b"xception" in line or b"rror" in line:
                complaints.append(line.decode(errors="replace").strip())
    return count, digest.hexdigest(), complaints


def size_mib(server):
    folder = server.partition()
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
               if name.endswith(".log")) / 2**20


def copy_log(source, target):
    """The segments of one stopped server in place of another's."""
    for name in os.listdir(target.partition()):
        if name != "partition.metadata":
            os.remove(os.path.join(target.partition(), name))
    for name in os.listdir(source.partition()):
        if name != "partition.metadata":
            shutil.copy(os.path.join(source.partition(), name), target.partition())


def active_base(server):
    return max(int(name[:20]) for name in os.listdir(server.partition()) if name.endswith(".log"))


def free_ports(first):
    for port in (first, first + 10, first + 11):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def compare(options):
    free_ports(options.port)
    sluice = Sluice(options, os.path.join(options.folder, "sluice"), options.port)
    kafka = Kafka(options, os.path.join(options.folder, "kafka"), options.port + 10)
    try:
        return run(options, sluice, kafka)
    finally:
        sluice.kill()
        kafka.kill()


def run(options, sluice, kafka):
    sluice.start(cleaning=False).create_topic(options.segment_bytes)
    produce(sluice, options)
    sluice.stop()
    kafka.start(cleaning=False).create_topic(options.segment_bytes)
    kafka.stop()
    copy_log(sluice, kafka)
    end, before = active_base(sluice), size_mib(sluice)
    figures, survivors = {}, {}
    for server in (sluice, kafka):
        server.start(cleaning=True)
        figures[server.name] = server.measure(end)
        survivors[server.name] = consume(server)
        server.stop()
        figures[server.name]["MiB left"] = size_mib(server)
    dumps = {server.name: dump(kafka, server) for server in (sluice, kafka)}
    report(options, before, figures, survivors, dumps)
    same = survivors["sluice"] == survivors["kafka"] and dumps["sluice"] == dumps["kafka"]
    return 0 if same and not dumps["sluice"][2] else 1


def report(options, before, figures, survivors, dumps):
    print(f"{options.records} records, {options.keys} keys, codec {options.codec}, {before:.0f} MiB before\n")
    print("| | Sluice | Kafka | Sluice / Kafka |\n|---|---|---|---|")
    for name, mine in figures["sluice"].items():
        other = figures["kafka"][name]
        print(f"| {name} | {mine:.2f} | {other:.2f} | {mine / other if other else 0:.3f} |")
    for title, of in (("consumer", survivors), ("DumpLogSegments", dumps)):
        mine, other = of["sluice"], of["kafka"]
        print(f"\n{title}: {mine[0]} and {other[0]} records, {'the same' if mine == other else 'DIFFERENT'}", end="")
    print()
    for complaint in dumps["sluice"][2][:20]:
        print(complaint)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluiced", required=True)
    parser.add_argument("--kafka-home", required=True)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--value-bytes", type=int, default=190)
    parser.add_argument("--exponent", type=float, default=0.99)
    parser.add_argument("--codec", default="none")
    parser.add_argument("--batch-bytes", type=int, default=65536)
    parser.add_argument("--segment-bytes", type=int, default=256 << 20)
    parser.add_argument("--kafka-heap", default="1g")
    parser.add_argument("--port", type=int, default=21000, help="and ten and eleven above")
    parser.add_argument("--folder", help="where the data goes; removed afterwards unless --keep")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder or f"/tmp/compaction-compare-{os.getpid()}")
    status = compare(options)
    if not options.keep and status == 0:
        shutil.rmtree(options.folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
