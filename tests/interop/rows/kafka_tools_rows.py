"""Kafka's own console, performance and administration tools."""

import json
import re
import tempfile

from harness import checks, wire
from harness.checks import expect
from harness.client import Client
from harness.corpus import Corpus
from harness.kafka_tools import KafkaTools
from harness.report import NEEDS_GROUPS, Report
from rows.client_rows import referee_command

GROUPS_MISSING = "the broker has no consumer groups yet"


class ToolRow:
    """A row whose checks are methods `check(tools, bench)`, named in `checks`."""

    checks = {}
    needs_groups = {}

    def run(self, context):
        report = Report(self.name, "row")
        tools = KafkaTools()
        report.version = tools.version
        with context.broker() as broker:
            tools.bootstrap = broker.bootstrap
            groups = wire.JOIN_GROUP in wire.api_versions(broker.bootstrap)
            with Client(referee_command(), broker.bootstrap) as judge:
                bench = checks.Bench(judge, judge, self.name)
                for name in context.selected(self.checks):
                    report.check(name, lambda: self.checks[name](tools, bench))
                for name in context.selected(self.needs_groups):
                    if groups:
                        report.check(name, lambda: self.needs_groups[name](tools, bench))
                    else:
                        report.note(name, NEEDS_GROUPS, GROUPS_MISSING)
        return report


# Console and performance tools


def real_lines(count=5000):
    """Lines of the sample that Kafka's line reader takes as kcat does: it also ends lines at CR, and wants UTF-8."""
    with tempfile.TemporaryDirectory() as folder, open(Corpus(folder, full=False).path, "rb") as numbered:
        lines = [line.partition(b"\t")[2] for line in numbered]
    return [line for line in lines if b"\r" not in line and line.isascii() and line.strip()][:count]


def console(codec):
    def check(tools, bench):
        topic, lines = bench.topic(1), real_lines()
        tools.ask("ConsoleProducer", "--topic", topic, "--compression-codec", codec, stdin=b"".join(lines))
        found = console_consume(tools, topic, 0, len(lines), "earliest")
        expect(found == lines, f"{len(found)} lines came back, of {len(lines)}")

    return check


def console_consume(tools, topic, partition, count, offset, *more):
    arguments = ["--bootstrap-server", tools.bootstrap, "--topic", topic, "--partition", str(partition)]
    arguments += ["--offset", str(offset), "--max-messages", str(count), "--timeout-ms", "20000", *more]
    return tools.run("consumer.ConsoleConsumer", *arguments).splitlines(keepends=True)


def console_from_offset(tools, bench):
    topic, records = bench.topic(2), checks.plain_records(100)
    bench.fill(topic, 1, records, "zstd")
    options = ["--formatter-property", "print.key=true", "--formatter-property", "print.offset=true"]
    found = console_consume(tools, topic, 1, 5, 42, *options)
    expect(len(found) == 5, f"{len(found)} records")
    for index, line in enumerate(found):
        wanted = f"Offset:{42 + index}\tk{42 + index}\t" + f"v{42 + index}-".ljust(100, ".") + "\n"
        expect(line.decode() == wanted, f"{line!r} in place of {wanted!r}")


def console_with_keys_and_headers(tools, bench):
    topic = bench.topic(1)
    options = ["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"]
    options += ["--reader-property", "null.marker=NULL"]
    tools.ask("ConsoleProducer", "--topic", topic, *options, stdin=b"a:1,b:2\tkey\tvalue\nc:3\tgone\tNULL\n")
    wanted = [
        checks.record(b"value", key=b"key", headers=[("a", b"1"), ("b", b"2")]),
        checks.record(None, key=b"gone", headers=[("c", b"3")]),
    ]
    checks.expect_same(bench.fetch(topic, 0, 0, 2), wanted, "console producer")


def producer_performance(acks, codec):
    def check(tools, bench):
        topic, count = bench.topic(6), 200000
        options = ["--topic", topic, "--num-records", str(count), "--record-size", "100", "--throughput", "-1"]
        options += ["--command-property", f"acks={acks}", f"compression.type={codec}"]
        output = tools.ask("ProducerPerformance", *options)
        expect(f"{count} records sent" in output, output[-500:])
        found = sum(
            bench.referee.call("list_offsets", topic=topic, partition=partition)["latest"] for partition in range(6)
        )
        expect(found == count, f"the topic holds {found} records")

    return check


def verifiable_producer(tools, bench):
    topic = bench.topic(1)
    output = tools.ask("VerifiableProducer", "--topic", topic, "--max-messages", "2000", "--acks", "-1")
    sent = [json.loads(line) for line in output.splitlines() if '"producer_send_success"' in line]
    expect([entry["offset"] for entry in sent] == list(range(2000)), f"{len(sent)} acknowledged")


def end_to_end_latency(tools, bench):
    """Assigns its partition itself, but commits offsets."""
    options = ["--topic", bench.topic(1), "--num-records", "1000", "--producer-acks", "all", "--record-size", "100"]
    output = tools.ask("EndToEndLatency", *options)
    expect("Percentiles" in output, output[-500:])


def consumer_performance(tools, bench):
    topic = bench.topic(1)
    bench.fill(topic, 0, checks.plain_records(20000))
    output = tools.ask("ConsumerPerformance", "--topic", topic, "--num-records", "20000", "--timeout", "20000")
    expect(re.search(r", 20000, ", output), output[-500:])


class ConsoleTools(ToolRow):
    name = "kafka-console-tools"
    summary = "Kafka's console and performance tools"
    checks = {
        **{f"console producer, {codec}; console consumer": console(codec) for codec in checks.CODECS},
        "console consumer from an offset": console_from_offset,
        "console producer with keys, headers, nulls": console_with_keys_and_headers,
        "producer performance, acks=1": producer_performance("1", "none"),
        "producer performance, acks=all": producer_performance("all", "none"),
        "producer performance, acks=all, zstd": producer_performance("all", "zstd"),
        "verifiable producer": verifiable_producer,
    }
    needs_groups = {"consumer performance": consumer_performance, "end to end latency": end_to_end_latency}


# Administration


def topics(tools, bench):
    topic = bench.name()
    create = ["--topic", topic, "--partitions", "3", "--replication-factor", "1", "--config", "retention.bytes=12345678"]
    tools.ask("TopicCommand", "--create", *create)
    described = tools.ask("TopicCommand", "--describe", "--topic", topic)
    expect("PartitionCount: 3" in described and "retention.bytes=12345678" in described, described)
    expect(len(re.findall(r"Partition: \d+\s+Leader: \d+\s+Replicas: \d+\s+Isr: \d+", described)) == 3, described)
    expect(topic in tools.ask("TopicCommand", "--list").split(), "not in the list")
    tools.ask("TopicCommand", "--alter", "--topic", topic, "--partitions", "5")
    described = tools.ask("TopicCommand", "--describe", "--topic", topic)
    expect("PartitionCount: 5" in described, described)
    tools.ask("TopicCommand", "--delete", "--topic", topic)
    checks.eventually(lambda: topic not in tools.ask("TopicCommand", "--list").split())


def topic_configs(tools, bench):
    entity = ["--entity-type", "topics", "--entity-name", bench.topic(1)]
    tools.ask("kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", "segment.bytes=2097152,retention.ms=60000")
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe")
    expect("segment.bytes=2097152" in described and "retention.ms=60000" in described, described)
    tools.ask("kafka.admin.ConfigCommand", *entity, "--alter", "--delete-config", "segment.bytes")
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe")
    expect("segment.bytes" not in described and "retention.ms=60000" in described, described)
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe", "--all")
    expect("segment.bytes=1073741824" in described and "cleanup.policy=delete" in described, described)


def broker_configs(tools, bench):
    listed = tools.ask("BrokerApiVersionsCommand")
    (broker,) = re.findall(r"\(id: (\d+) rack", listed)
    entity = ["--entity-type", "brokers", "--entity-name", broker]
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe", "--all")
    for name in ("log.dirs", "message.max.bytes", "log.segment.bytes", "num.network.threads"):
        expect(re.search(rf"^\s*{re.escape(name)}=", described, re.M), f"{name} is not in\n{described[:1500]}")
    tools.ask("kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", "message.max.bytes=2000000")
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe")
    expect("message.max.bytes=2000000" in described, described)
    tools.ask("kafka.admin.ConfigCommand", *entity, "--alter", "--delete-config", "message.max.bytes")
    described = tools.ask("kafka.admin.ConfigCommand", *entity, "--describe")
    expect("message.max.bytes=2000000" not in described, described)


def get_offsets(tools, bench):
    topic = bench.topic(2)
    bench.fill(topic, 1, checks.timed_records(30))
    latest = tools.ask("GetOffsetShell", "--topic", topic)
    expect(latest.split() == [f"{topic}:0:0", f"{topic}:1:30"], latest)
    earliest = tools.ask("GetOffsetShell", "--topic", topic, "--time", "earliest")
    expect(earliest.split() == [f"{topic}:0:0", f"{topic}:1:0"], earliest)
    timed = tools.ask("GetOffsetShell", "--topic-partitions", f"{topic}:1", "--time", str(checks.BASE_TIME + 11_500))
    expect(timed.split() == [f"{topic}:1:12"], timed)
    largest = tools.ask("GetOffsetShell", "--topic-partitions", f"{topic}:1", "--time", "max-timestamp")
    expect(largest.split() == [f"{topic}:1:29"], largest)


def delete_records(tools, bench):
    topic = bench.topic(1)
    bench.fill(topic, 0, checks.plain_records(50))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"partitions": [{"topic": topic, "partition": 0, "offset": 20}], "version": 1}, file)
        file.flush()
        output = tools.ask("DeleteRecordsCommand", "--offset-json-file", file.name)
    expect("low_watermark: 20" in output, output)
    checks.expect_same(bench.fetch(topic, 0, 20, 30), checks.plain_records(50)[20:], "what is left", first_offset=20)


def log_dirs(tools, bench):
    topic = bench.topic(2)
    bench.fill(topic, 1, checks.plain_records(100))
    output = tools.ask("LogDirsCommand", "--describe", "--topic-list", topic)
    found = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    partitions = [entry for directory in found["brokers"][0]["logDirs"] for entry in directory["partitions"]]
    sizes = {entry["partition"]: entry["size"] for entry in partitions}
    expect(set(sizes) == {f"{topic}-0", f"{topic}-1"}, str(sizes))
    expect(sizes[f"{topic}-0"] == 0 and sizes[f"{topic}-1"] > 10000, str(sizes))


def broker_api_versions(tools, bench):
    output = tools.ask("BrokerApiVersionsCommand")
    for api in ("Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "ApiVersions(18)", "CreateTopics(19)"):
        expect(re.search(rf"{re.escape(api)}: .*\[usable: \d+\]", output), f"{api} is not usable in\n{output}")


def cluster(tools, bench):
    expect(re.search(r"Cluster ID: \S{22}\n", tools.run("ClusterTool", "cluster-id", "--bootstrap-server", tools.bootstrap).decode()), "no cluster id")


def list_endpoints(tools, bench):
    output = tools.run("ClusterTool", "list-endpoints", "--bootstrap-server", tools.bootstrap).decode()
    host, port = wire.split_address(tools.bootstrap)
    expect(re.search(rf"{re.escape(host)}\s+{port}", output), output)


def consumer_groups(tools, bench):
    tools.ask("consumer.group.ConsumerGroupCommand", "--list")


class AdminTools(ToolRow):
    name = "kafka-admin-tools"
    summary = "Kafka's administration tools"
    checks = {
        "kafka-topics": topics,
        "kafka-configs, topic": topic_configs,
        "kafka-configs, broker": broker_configs,
        "kafka-get-offsets": get_offsets,
        "kafka-delete-records": delete_records,
        "kafka-log-dirs": log_dirs,
        "kafka-broker-api-versions": broker_api_versions,
        "kafka-cluster cluster-id": cluster,
        "kafka-cluster list-endpoints": list_endpoints,
    }
    needs_groups = {"kafka-consumer-groups": consumer_groups}
