#!/usr/bin/python3
"""What a server's work costs it: CPU seconds per GB, throughput, latency and memory, measured from outside, side by side.

  server_cost.py --target sluice=127.0.0.1:9092:PID [--target kafka=127.0.0.1:9192:PID] [--runs 3] [--only TEXT]

Every workload runs against the targets in turn, on a fresh topic, with librdkafka (Debian's python3-confluent-kafka) as
the client; the medians are printed as a markdown table, with the ratio of the first target to the second. A target is any
Kafka-protocol server on this machine. CPU is the utime + stime of that process; GB = 1e9 bytes of payload. Warm a JVM up
before believing its figures (--warmup N rounds). Only ratios of one run mean something.
"""
import argparse
import os
import random
import statistics
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TICK = os.sysconf("SC_CLK_TCK")


def payloads(size):
    """Values that look like JSON events and compress two to four times, as many as no codec can keep in its window."""
    chance = random.Random(42)
    words = ("order", "customer", "checkout", "amount", "region", "status", "shipped", "basket", "mobile", "referrer")
    text = "".join(f'{{"{chance.choice(words)}":"{chance.choice(words)}","id":{chance.randrange(10**9)}}},'
                   for _ in range(60000)).encode()
    return [text[at:at + size] for at in range(0, len(text) - size, size)]


class Target:
    def __init__(self, text):
        self.name, rest = text.split("=", 1)
        self.bootstrap, pid = rest.rsplit(":", 1)
        self.pid = int(pid)

    def cpu(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident_mib(self):
        status = open(f"/proc/{self.pid}/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def fresh_topic(target):
    admin = AdminClient({"bootstrap.servers": target.bootstrap})
    name = f"cost-{time.monotonic_ns()}"
    for future in admin.create_topics([NewTopic(name, 1, 1)]).values():
        future.result(30)
    return name


def drop_topic(target, topic):
    admin = AdminClient({"bootstrap.servers": target.bootstrap})
    for future in admin.delete_topics([topic]).values():
        future.result(30)


def produce(target, topic, size, count, rate=None, **settings):
    """Sends `count` records of `size` bytes, `rate` a second or as fast as they go; returns the seconds it took."""
    failed = []

    def delivered(error, message):
        if error:
            failed.append(error)

    producer = Producer({"bootstrap.servers": target.bootstrap, "queue.buffering.max.messages": 500000,
                         "batch.size": 1000000, "linger.ms": 5, "acks": 1, **settings})
    values = payloads(size)
    started = time.monotonic()
    for i in range(count):
        if rate and (ahead := i / rate - (time.monotonic() - started)) > 0:
            producer.poll(0)
            time.sleep(ahead)
        while True:
            try:
                producer.produce(topic, values[i % len(values)], on_delivery=delivered if i % 64 == 0 else None)
                break
            except BufferError:
                producer.poll(0.01)
        if i % 1024 == 0:
            producer.poll(0)
    producer.flush(120)
    assert not failed, f"{len(failed)} records failed"
    return time.monotonic() - started


def consume(target, topic, count):
    consumer = Consumer({"bootstrap.servers": target.bootstrap, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    started = time.monotonic()
    left = count
    while left > 0:
        left -= sum(1 for message in consumer.consume(10000, 5) if not message.error())
        assert time.monotonic() - started < 300, f"{left} records missing"
    consumer.close()


def end_to_end(target, topic, size, rate, seconds):
    """Latency from the call of produce to the record in the consumer's hands, both in this process."""
    latencies = []
    consumer = Consumer({"bootstrap.servers": target.bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 500})
    consumer.assign([TopicPartition(topic, 0, 0)])
    stopping = threading.Event()

    def read():
        while not stopping.is_set():
            message = consumer.poll(0.1)
            if message and not message.error():
                latencies.append(time.monotonic_ns() / 1e9 - int(message.value()[:20]) / 1e9)

    reader = threading.Thread(target=read)
    reader.start()
    producer = Producer({"bootstrap.servers": target.bootstrap, "linger.ms": 0, "acks": 1})
    values = payloads(size - 20)
    started = time.monotonic()
    for i in range(rate * seconds):
        if (ahead := i / rate - (time.monotonic() - started)) > 0:
            time.sleep(ahead)
        producer.produce(topic, b"%020d" % time.monotonic_ns() + values[i % len(values)])
        producer.poll(0)
    producer.flush(30)
    time.sleep(1)
    stopping.set()
    reader.join()
    consumer.close()
    return latencies[len(latencies) // 5:]  # the first fifth warms up


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))] * 1e6


def bulk_produce(size, count, **settings):
    def run(target, topic):
        before = target.cpu()
        seconds = produce(target, topic, size, count, **settings)
        gb = size * count / 1e9
        return {"MB/s": gb * 1000 / seconds, "server CPU s/GB": (target.cpu() - before) / gb}
    return run


def small_batches(size, rate, seconds):
    def run(target, topic):
        before = target.cpu()
        produce(target, topic, size, rate * seconds, rate, **{"linger.ms": 0})
        return {"server CPU s/GB": (target.cpu() - before) / (size * rate * seconds / 1e9)}
    return run


def bulk_consume(size, count):
    def run(target, topic):
        produce(target, topic, size, count)
        before = target.cpu()
        consume(target, topic, count)
        return {"server CPU s/GB": (target.cpu() - before) / (size * count / 1e9)}
    return run


def latency(size, rate, seconds):
    def run(target, topic):
        found = end_to_end(target, topic, size, rate, seconds)
        return {f"p{name} us": percentile(found, share) for name, share in (("50", 0.5), ("99", 0.99), ("99.9", 0.999))}
    return run


WORKLOADS = {
    "produce 100 B": bulk_produce(100, 2000000),
    "produce 1 KiB": bulk_produce(1024, 800000),
    "produce 1 KiB lz4 acks=all": bulk_produce(1024, 800000, **{"compression.type": "lz4", "acks": "all"}),
    "produce 1 KiB, linger 0, 5,000/s": small_batches(1024, 5000, 6),
    "consume 1 KiB": bulk_consume(1024, 800000),
    "end to end 1 KiB, 1,000/s": latency(1024, 1000, 10),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", required=True, type=Target)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=0, help="rounds of 1 GB in and out before measuring")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for _ in range(options.warmup):
        for target in options.target:
            topic = fresh_topic(target)
            bulk_consume(1024, 1000000)(target, topic)
            drop_topic(target, topic)
    names = [target.name for target in options.target]
    print("| workload | figure | " + " | ".join(names) + (" | ratio |" if len(names) == 2 else " |"))
    print("|---" * (len(names) + 2 + (len(names) == 2)) + "|")
    for workload, run in WORKLOADS.items():
        if options.only not in workload:
            continue
        runs = {name: [] for name in names}
        for _ in range(options.runs):
            for target in options.target:
                topic = fresh_topic(target)
                runs[target.name].append(run(target, topic))
                drop_topic(target, topic)
                time.sleep(3)  # the files of the deleted topic are freed meanwhile, and their pages with them
        for figure in runs[names[0]][0]:
            medians = [statistics.median(one[figure] for one in runs[name]) for name in names]
            ratio = f" {medians[0] / medians[1]:.2f} |" if len(names) == 2 and medians[1] else ""
            print(f"| {workload} | {figure} | " + " | ".join(f"{m:.3g}" if m < 1000 else f"{m:,.0f}" for m in medians) + " |" + ratio,
                  flush=True)
    print("| memory, highest | MiB | " + " | ".join(f"{target.resident_mib():.0f}" for target in options.target) + " |" +
          (f" {options.target[0].resident_mib() / options.target[1].resident_mib():.2f} |" if len(names) == 2 else ""))


if __name__ == "__main__":
    main()
