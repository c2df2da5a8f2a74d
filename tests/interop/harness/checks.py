"""What every client must be able to do. A referee, another client, judges what the client under test wrote and prepares
what it must read, so that no client is only asked about itself."""

import os
import random
import time

from .client import ClientError, record

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BIG = 3 << 20
# 2023-11-14 22:13:20 UTC: old enough for any clock, young enough for no retention of these short tests to matter.
LONG_RETENTION = {"retention.ms": "-1"}
BASE_TIME = 1_700_000_000_000


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Bench:
    """What a check works with: the client under test, the referee, and topics with names of their own."""

    def __init__(self, client, referee, row):
        self.client = client
        self.referee = referee
        self.prefix = f"interop-{row}-{os.getpid()}-{random.randrange(1 << 32):08x}"
        self.topics = 0

    def name(self):
        self.topics += 1
        return f"{self.prefix}-{self.topics}"

    def topic(self, partitions=2, **configs):
        name = self.name()
        settings = {**LONG_RETENTION, **{key.replace("_", "."): value for key, value in configs.items()}}
        self.referee.call("create_topic", topic=name, partitions=partitions, configs=settings)
        eventually(lambda: self.referee.call("metadata", topic=name)["partitions"] == list(range(partitions)))
        return name

    def fetch(self, topic, partition, start, count):
        """What the referee finds."""
        return self.referee.call("fetch", topic=topic, partition=partition, start=start, count=count)["records"]

    def fill(self, topic, partition, records, codec="none"):
        arguments = {"topic": topic, "partition": partition, "codec": codec, "idempotent": False}
        self.referee.call("produce", records=records, **arguments)


def eventually(condition, seconds=30):
    """Admin requests are answered before every broker and client has seen their effect."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            problem = "it did not come true"
        except ClientError as error:
            problem = str(error)
        expect(time.monotonic() < deadline, f"not within {seconds} s: {problem}")
        time.sleep(0.1)


def describe(found, index):
    return f"record {index}: {str(found)[:300]}"


def expect_same(found, wanted, what, first_offset=0, timestamps=True):
    """Same records in the same order at contiguous offsets."""
    expect(len(found) == len(wanted), f"{what}: {len(found)} records in place of {len(wanted)}")
    for index, (got, want) in enumerate(zip(found, wanted)):
        expect(got["offset"] == first_offset + index, f"{what}: offset {got['offset']}, expected {first_offset + index}")
        for field in ("key", "value", "headers"):
            expect(got[field] == want[field], f"{what}: {field} of {describe(got, index)}, expected {str(want)[:300]}")
        if timestamps and want["timestamp"] is not None:
            expect(got["timestamp"] == want["timestamp"], f"{what}: timestamp {got['timestamp']} of record {index}")


def plain_records(count, size=100, tag="v"):
    return [record(f"{tag}{index}-".encode().ljust(size, b"."), key=f"k{index}".encode()) for index in range(count)]


def timed_records(count):
    return [
        record(f"at{index}".encode(), key=b"k", headers=[("n", str(index).encode())], timestamp=BASE_TIME + 1000 * index)
        for index in range(count)
    ]


# Metadata and administration


def metadata(bench):
    answer = bench.client.call("metadata", topic=bench.topic(3))
    expect(answer["partitions"] == [0, 1, 2], f"partitions are {answer['partitions']}")
    expect(answer["brokers"] >= 1, "no brokers")


def describe_cluster(bench):
    answer = bench.client.call("describe_cluster")
    expect(answer["brokers"], "no brokers")
    expect(answer["cluster_id"], "no cluster id")
    expect(answer["controller"] in answer["brokers"], f"controller {answer['controller']} is not in {answer['brokers']}")


def create_topic(bench):
    name = bench.name()
    configs = {"max.message.bytes": "200000", "cleanup.policy": "compact"}
    bench.client.call("create_topic", topic=name, partitions=3, configs=configs)
    eventually(lambda: bench.referee.call("metadata", topic=name)["partitions"] == [0, 1, 2])
    found = bench.referee.call("describe_configs", topic=name)["configs"]
    for key, value in configs.items():
        expect(found[key] == value, f"{key} is {found[key]}")
    refused(lambda: bench.client.call("create_topic", topic=name, partitions=3, configs={}), "a topic that exists")


def refused(action, what):
    try:
        action()
    except ClientError:
        return
    raise Failure(f"{what} was not refused")


def delete_topic(bench):
    name = bench.topic()
    bench.client.call("delete_topic", topic=name)
    # Asked for by its name it might come back: brokers create topics that are asked for.
    eventually(lambda: name not in bench.referee.call("topics")["topics"])


def create_partitions(bench):
    name = bench.topic(1)
    bench.client.call("create_partitions", topic=name, total=4)
    eventually(lambda: bench.referee.call("metadata", topic=name)["partitions"] == [0, 1, 2, 3])
    bench.fill(name, 3, plain_records(5))
    expect_same(bench.fetch(name, 3, 0, 5), plain_records(5), "in the new partition")


def describe_configs(bench):
    found = bench.client.call("describe_configs", topic=bench.topic(retention_bytes="12345678"))["configs"]
    expect(found.get("retention.bytes") == "12345678", f"retention.bytes is {found.get('retention.bytes')}")
    expect(found.get("compression.type") == "producer", f"compression.type is {found.get('compression.type')}")


def configs_become(bench, topic, wanted):
    def as_wanted():
        found = bench.referee.call("describe_configs", topic=topic)["configs"]
        return all(found[key] == value for key, value in wanted.items())

    eventually(as_wanted)


def alter_configs(bench):
    """The older request replaces all settings of the topic."""
    name = bench.topic(retention_bytes="12345678")
    bench.client.call("alter_configs", topic=name, configs={"segment.bytes": "2097152"})
    configs_become(bench, name, {"segment.bytes": "2097152", "retention.bytes": "-1"})


def incremental_alter_configs(bench):
    name = bench.topic(retention_bytes="12345678", max_message_bytes="200000")
    change = {"set": {"segment.bytes": "2097152"}, "delete": ["max.message.bytes"]}
    bench.client.call("incremental_alter_configs", topic=name, **change)
    configs_become(
        bench, name, {"segment.bytes": "2097152", "retention.bytes": "12345678", "max.message.bytes": "1048588"}
    )


def delete_records(bench):
    name = bench.topic()
    bench.fill(name, 1, plain_records(100))
    low = bench.client.call("delete_records", topic=name, partition=1, before=40)["low"]
    expect(low == 40, f"the low watermark is {low}")
    found = bench.referee.call("list_offsets", topic=name, partition=1)
    expect((found["earliest"], found["latest"]) == (40, 100), f"offsets are {found}")
    expect_same(bench.fetch(name, 1, 40, 60), plain_records(100)[40:], "what is left", first_offset=40)


# Producing


def send(bench, topic, records, codec="none", idempotent=False, partition=1):
    answer = bench.client.call(
        "produce", topic=topic, partition=partition, codec=codec, idempotent=idempotent, records=records
    )
    if answer["offsets"] is not None:
        expect(answer["offsets"] == list(range(len(records))), f"acknowledged offsets are {str(answer['offsets'])[:200]}")


def produce(codec):
    def check(bench):
        topic, records = bench.topic(), plain_records(300)
        send(bench, topic, records, codec)
        expect_same(bench.fetch(topic, 1, 0, 300), records, f"sent as {codec}")

    return check


def idempotent_produce(bench):
    topic, records = bench.topic(), plain_records(2000)
    send(bench, topic, records, idempotent=True)
    expect_same(bench.fetch(topic, 1, 0, 2000), records, "sent idempotently")


def null_and_headers(bench):
    records = [
        record(b"value", key=None),
        record(None, key=b"tombstone"),
        record(b"with headers", key=b"k", headers=[("one", b"1"), ("one", b"again"), ("two", b"2")]),
        record("Grüße, 世界".encode(), key="schlüssel".encode(), headers=[("größe", "µ".encode())]),
    ]
    topic = bench.topic()
    send(bench, topic, records)
    expect_same(bench.fetch(topic, 1, 0, len(records)), records, "nulls and headers")


def large_records(bench):
    topic = bench.topic(max_message_bytes=str(8 << 20))
    # Without the bytes by which kcat ends keys and records.
    noise = random.Random(7).randbytes(BIG).replace(b"\x1e", b"-").replace(b"\x1f", b"-")
    records = [record(noise, key=b"big"), record(b"small", key=b"after")]
    send(bench, topic, records)
    expect_same(bench.fetch(topic, 1, 0, 2), records, "large records")


def too_large(bench):
    """Above the topic's limit: refused with an error, and the partition goes on."""
    topic, records = bench.topic(), plain_records(3)
    refused(lambda: send(bench, topic, [record(b"x" * (2 << 20), key=b"k")]), "a record above max.message.bytes")
    send(bench, topic, records)
    expect_same(bench.fetch(topic, 1, 0, 3), records, "after the refusal")


def many_small(bench):
    topic, records = bench.topic(), plain_records(30000, size=10)
    send(bench, topic, records)
    expect_same(bench.fetch(topic, 1, 0, len(records)), records, "many small records")


# Consuming


def read(bench, topic, start, count, partition=1):
    return bench.client.call("fetch", topic=topic, partition=partition, start=start, count=count)["records"]


def fetch_from_beginning(bench):
    """One partition that holds batches of every codec."""
    topic, records = bench.topic(), timed_records(200)
    for index, codec in enumerate(CODECS):
        bench.fill(topic, 1, records[40 * index : 40 * index + 40], codec)
    expect_same(read(bench, topic, 0, 200), records, "from the beginning")


def fetch_from_offset(bench):
    """In the middle of a compressed batch."""
    topic, records = bench.topic(), timed_records(200)
    bench.fill(topic, 1, records, "lz4")
    expect_same(read(bench, topic, 123, 20), records[123:143], "from the middle", first_offset=123)


def fetch_nulls_and_headers(bench):
    records = [
        record(b"value", key=None),
        record(None, key=b"tombstone"),
        record(b"", key=b""),
        record(b"with headers", key=b"k", headers=[("one", b"1"), ("two", b"2"), ("one", b"again")]),
    ]
    topic = bench.topic()
    bench.fill(topic, 1, records)
    expect_same(read(bench, topic, 0, len(records)), records, "nulls and headers")


def fetch_large(bench):
    topic = bench.topic(max_message_bytes=str(8 << 20))
    records = [record(random.Random(9).randbytes(BIG), key=b"big"), record(b"small", key=b"after")]
    bench.fill(topic, 1, records)
    expect_same(read(bench, topic, 0, 2), records, "large records")


def fetch_many(bench):
    topic, records = bench.topic(), plain_records(30000, size=10)
    bench.fill(topic, 1, records)
    expect_same(read(bench, topic, 0, len(records)), records, "many small records")


def list_offsets(bench):
    topic = bench.topic()
    empty = bench.client.call("list_offsets", topic=topic, partition=1)
    expect((empty["earliest"], empty["latest"]) == (0, 0), f"offsets of an empty partition are {empty}")
    bench.fill(topic, 1, plain_records(70))
    found = bench.client.call("list_offsets", topic=topic, partition=1)
    expect((found["earliest"], found["latest"]) == (0, 70), f"offsets are {found}")


def offset_for_time(bench):
    topic = bench.topic()
    bench.fill(topic, 1, timed_records(200)[:100], "gzip")
    bench.fill(topic, 1, timed_records(200)[100:])
    for asked, wanted in ((0, 0), (99_500, 100), (100_000, 100), (42_001, 43), (199_000, 199)):
        found = bench.client.call("offset_for_time", topic=topic, partition=1, timestamp=BASE_TIME + asked)["offset"]
        expect(found == wanted, f"the offset for base time + {asked} ms is {found}, expected {wanted}")
    late = bench.client.call("offset_for_time", topic=topic, partition=1, timestamp=BASE_TIME + 999_000)["offset"]
    expect(late in (None, 200), f"the offset for a time after the last record is {late}")


def group(bench):
    topic, records = bench.topic(), plain_records(100)
    bench.fill(topic, 1, records)
    name = bench.name()
    found = bench.client.call("group_consume", topic=topic, group=name, count=60)["records"]
    expect_same(found, records[:60], "first member")
    bench.fill(topic, 1, plain_records(1, tag="more"))
    rest = bench.client.call("group_consume", topic=topic, group=name, count=41)["records"]
    expect_same(rest, records[60:] + plain_records(1, tag="more"), "after the committed offset", first_offset=60)


CHECKS = {
    "metadata": metadata,
    "describe cluster": describe_cluster,
    "create topic": create_topic,
    "delete topic": delete_topic,
    "create partitions": create_partitions,
    "describe configs": describe_configs,
    "alter configs": alter_configs,
    "incremental alter configs": incremental_alter_configs,
    "delete records": delete_records,
    **{f"produce {codec}": produce(codec) for codec in CODECS},
    "produce idempotent": idempotent_produce,
    "produce nulls, headers": null_and_headers,
    "produce large": large_records,
    "produce too large": too_large,
    "produce many small": many_small,
    "fetch from beginning": fetch_from_beginning,
    "fetch from offset": fetch_from_offset,
    "fetch nulls, headers": fetch_nulls_and_headers,
    "fetch large": fetch_large,
    "fetch many small": fetch_many,
    "list offsets": list_offsets,
    "offset for time": offset_for_time,
    "consumer group": group,
}
# Need the group APIs (JoinGroup and its family) of the broker.
NEEDS_GROUPS = {"consumer group"}
ADMINISTRATION = tuple(name for name in CHECKS if name.split()[0] in ("create", "delete", "alter", "incremental"))
