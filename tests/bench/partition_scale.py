#!/usr/bin/python3
"""What partitions cost one broker: time to create them, memory, restarts, idling, and records to random ones.

  partition_scale.py --sluiced PROGRAM [--kafka-home DIR] [--counts 1000,10000,100000] [--kafka-counts 1000,10000]
                     [--directory DIR] [--port 21900]

Each server starts with empty data on loopback and gets topics of 500 partitions until it has as many as the row says.
Then: resident memory and descriptors, CPU while nothing happens for 20 s, a record of 100 B to each of 20,000 random
partitions, a restart in order and one after SIGKILL, both until the server says of every partition that it leads it.
Printed as markdown.
"""
import argparse
import os
import random
import shutil
import tempfile
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import servers

PARTITIONS_PER_TOPIC = 500
IDLE_SECONDS = 20
RECORDS = 20_000
COLUMNS = ("create s", "memory MiB", "KiB a partition", "descriptors", "idle CPU %", "random records/s",
           "clean restart s", "restart after kill s")


def topic_names(count):
    return [f"scale-{i}" for i in range(count // PARTITIONS_PER_TOPIC)]


def create(server, count):
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    started = time.monotonic()
    for name in topic_names(count):
        topic = NewTopic(name, PARTITIONS_PER_TOPIC, 1)
        for future in admin.create_topics([topic], request_timeout=600, operation_timeout=600).values():
            future.result(600)
    return time.monotonic() - started


def wait_until_led(server, count):
    """Until metadata names a leader for each partition: what a client needs to begin."""
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "topic.metadata.refresh.interval.ms": -1})
    while True:
        try:
            topics = admin.list_topics(timeout=60).topics
            led = sum(1 for name in topic_names(count) if name in topics
                      for partition in topics[name].partitions.values() if partition.leader >= 0)
            if led >= count:
                return
        except Exception as failure:  # not up yet
            if server.process.poll() is not None:
                raise SystemExit(f"{server.name} has ended: {failure}")
        time.sleep(0.05)


def produce_to_random(server, count):
    chance = random.Random(7)
    names = topic_names(count)
    failed = []
    producer = Producer({"bootstrap.servers": server.bootstrap, "acks": 1, "linger.ms": 5,
                         "queue.buffering.max.messages": 100_000})
    started = time.monotonic()
    for _ in range(RECORDS):
        producer.produce(chance.choice(names), b"x" * 100, partition=chance.randrange(PARTITIONS_PER_TOPIC),
                         on_delivery=lambda error, _: failed.append(error) if error else None)
        producer.poll(0)
    producer.flush(300)
    if failed:
        raise SystemExit(f"{server.name}: {len(failed)} records failed, the first with {failed[0]}")
    return RECORDS / (time.monotonic() - started)


def restart(server, count, end):
    end()
    started = time.monotonic()
    server.start()
    wait_until_led(server, count)
    return time.monotonic() - started


def measure(server, count):
    server.start()
    empty = server.resident_mib()
    found = {"create s": create(server, count)}
    time.sleep(3)
    before = server.cpu()
    time.sleep(IDLE_SECONDS)
    found["idle CPU %"] = 100 * (server.cpu() - before) / IDLE_SECONDS
    found["memory MiB"] = server.resident_mib()
    found["KiB a partition"] = (server.resident_mib() - empty) * 1024 / count
    found["random records/s"] = produce_to_random(server, count)
    found["descriptors"] = server.descriptors()
    found["clean restart s"] = restart(server, count, server.stop)
    produce_to_random(server, count)
    found["restart after kill s"] = restart(server, count, server.kill)
    server.stop()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    counts = lambda text: [int(part) for part in text.split(",") if part]
    parser.add_argument("--sluiced", required=True)
    parser.add_argument("--kafka-home", default="")
    parser.add_argument("--counts", type=counts, default=[1000, 10_000, 100_000])
    parser.add_argument("--kafka-counts", type=counts, default=[1000, 10_000])
    parser.add_argument("--directory", default=None)
    parser.add_argument("--port", type=int, default=21900)
    parser.add_argument("--set", action="append", default=[], help="a setting of sluiced")
    options = parser.parse_args()

    print("| server | partitions | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 2) + "|", flush=True)
    rows = [("sluice", count) for count in options.counts]
    if options.kafka_home:
        rows += [("kafka", count) for count in options.kafka_counts]
    for name, count in sorted(rows, key=lambda row: (row[1], row[0] != "sluice")):
        directory = tempfile.mkdtemp(prefix="partition-scale-", dir=options.directory)
        server = (servers.sluice(options.sluiced, options.port, directory, options.set) if name == "sluice"
                  else servers.kafka(options.kafka_home, options.port + 2, directory, heap="4g"))
        try:
            found = measure(server, count)
            print(f"| {name} | {count:,} | " + " | ".join(f"{found[column]:,.2f}" for column in COLUMNS) + " |", flush=True)
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
