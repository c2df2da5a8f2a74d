"""Kafka's own tools for groups, against groups of both protocols: what each prints is checked against what is known."""

import datetime
import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

from harness import checks
from harness.checks import BASE_TIME, eventually, expect
from harness.client import Client
from harness.kafka_tools import ToolError, ToolShell
from harness.report import FAIL, Report
from rows.client_rows import referee_command

GROUPS = "consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
PARTITIONS = range(4)
RECORDS = 30  # in each partition, one a second
UNCOMMITTED = 5  # written after the group has stopped
SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
}
FORMATTERS = "org.apache.kafka.tools.consumer"


def table(output):
    """Rows of a tool's table as dictionaries. A header's words are apart by blanks; so are values."""
    lines = [line for line in output.splitlines() if line.strip()]
    start = next((index for index, line in enumerate(lines) if re.match(r"(GROUP|TOPIC) ", line)), None)
    expect(start is not None, f"no table in\n{output}")
    header = lines[start].replace("COORDINATOR (ID)", "COORDINATOR ID").split()
    rows = [line.split() for line in lines[start + 1 :]]
    for row in rows:
        expect(len(row) == len(header), f"{row} has not the columns {header}")
    return [dict(zip(header, row)) for row in rows]


def json_values(text):
    """Formatters print one value behind the other, without anything between."""
    decoder, values, at = json.JSONDecoder(), [], 0
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        values.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return values


class Member:
    """A running kafka-verifiable-consumer: it commits what it reads, and says what happens to it."""

    def __init__(self, tools, scenario):
        self._output = tempfile.NamedTemporaryFile("w+b", suffix=".jsonl")
        options = ["--bootstrap-server", tools.bootstrap, "--topic", scenario.topic, "--group-id", scenario.group]
        options += ["--group-protocol", scenario.protocol, "--reset-policy", "earliest"]
        command = tools.command("VerifiableConsumer", *options)
        self._process = subprocess.Popen(command, stdout=self._output, stderr=subprocess.DEVNULL)

    def events(self, name):
        with open(self._output.name, "rb") as file:
            lines = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b"{")]
        return [event for event in map(json.loads, lines) if event["name"] == name]

    def consumed(self):
        return sum(event["count"] for event in self.events("records_consumed"))

    def commits(self):
        events = self.events("offsets_committed")
        expect(all(event["success"] for event in events), f"a commit failed: {events}")
        return len(events)

    def stop(self):
        """Leaves its group."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        expect(self.events("shutdown_complete"), "a verifiable consumer did not end as it should")

    def discard(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()


class Scenario:
    """One group of two members that have read and committed all of a topic."""

    def __init__(self, tools, bench, protocol, broker):
        self.tools, self.bench, self.protocol, self.broker = tools, bench, protocol, broker
        self.group = f"{bench.prefix}-{protocol}"
        self.members = []
        self.topic = bench.topic(len(PARTITIONS))
        for partition in PARTITIONS:
            bench.fill(self.topic, partition, checks.timed_records(RECORDS))

    def start(self):
        self.members = [Member(self.tools, self) for _ in range(2)]
        everything = RECORDS * len(PARTITIONS)
        eventually(lambda: sum(member.consumed() for member in self.members) >= everything, 60)
        eventually(lambda: sorted(self.assignments()) == [(2, True), (2, True)], 60)
        eventually(lambda: set(self.offsets().values()) == {RECORDS})

    def stop(self):
        for member in self.members:
            member.stop()
        expect(sum(member.commits() for member in self.members) >= 1, "nothing was committed")
        for partition in PARTITIONS:
            self.bench.fill(self.topic, partition, checks.timed_records(UNCOMMITTED))

    def discard(self):
        for member in self.members:
            member.discard()

    def ask(self, *options):
        return self.tools.ask(GROUPS, *options)

    def describe(self, *options):
        rows = table(self.ask("--describe", "--group", self.group, *options))
        expect(all(row["GROUP"] == self.group for row in rows), f"another group in {rows}")
        return rows

    def offsets(self):
        return {int(row["PARTITION"]): int(row["CURRENT-OFFSET"]) for row in self.describe() if row["CURRENT-OFFSET"] != "-"}

    def assignments(self):
        """(partitions, whether they are the ones to have) of each member."""
        found = []
        for row in self.describe("--members", "--verbose"):
            settled = row["CURRENT-EPOCH"] == row["TARGET-EPOCH"] and (
                self.protocol == "classic" or row["CURRENT-ASSIGNMENT"] == row["TARGET-ASSIGNMENT"]
            )
            found.append((int(row["#PARTITIONS"]), settled))
        return found

    def listed(self, *options):
        """What --list prints for this group: its row, or None."""
        rows = {row["GROUP"]: row for row in table(self.ask("--list", *options))}
        return rows.get(self.group)

    def reset(self, *how, topic=None):
        """The new offsets that --reset-offsets says it set, or would set."""
        target = ["--topic", topic or self.topic]
        if "--from-file" in how:
            target = []
        output = self.ask("--reset-offsets", "--group", self.group, *target, *how)
        expect("Error" not in output, output)
        return {int(row["PARTITION"]): int(row["NEW-OFFSET"]) for row in table(output)}

    def expect_refused(self, text, *options):
        output = self.ask(*options)
        expect(text in output, f"{' '.join(options)}: no '{text}' in\n{output}")


def everywhere(offset):
    return {partition: offset for partition in PARTITIONS}


# While the group has members


def lists(scenario):
    type_name = scenario.protocol.capitalize()
    expect(scenario.group in scenario.ask("--list").split(), "not in the list")
    expect(scenario.listed("--state")["STATE"] == "Stable", "its state is not Stable")
    expect(scenario.listed("--state", "stable"), "not among the stable ones")
    expect(not scenario.listed("--state", "empty,dead"), "among the empty ones")
    expect(scenario.listed("--type")["TYPE"] == type_name, f"its type is not {type_name}")
    expect(scenario.listed("--type", scenario.protocol), "not among those of its type")
    other = "consumer" if scenario.protocol == "classic" else "classic"
    expect(not scenario.listed("--type", other), "among those of the other type")
    both = scenario.listed("--type", "--state")
    expect((both["TYPE"], both["STATE"]) == (type_name, "Stable"), str(both))


def kafka_groups(scenario):
    rows = {row["GROUP"]: row for row in table(scenario.tools.ask("GroupsCommand", "--list"))}
    found = rows[scenario.group]
    expect((found["TYPE"], found["PROTOCOL"]) == (scenario.protocol.capitalize(), "consumer"), str(found))
    filtered = table(scenario.tools.ask("GroupsCommand", "--list", "--group-type", scenario.protocol))
    expect(scenario.group in {row["GROUP"] for row in filtered}, "not among those of its type")


def describe_offsets(scenario):
    rows = scenario.describe()
    expect(sorted(int(row["PARTITION"]) for row in rows) == list(PARTITIONS), str(rows))
    members = set()
    for row in rows:
        found = [row[name] for name in ("TOPIC", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "HOST")]
        expect(found == [scenario.topic, str(RECORDS), str(RECORDS), "0", "/127.0.0.1"], str(row))
        members.add(row["CONSUMER-ID"])
    expect(len(members) == 2 and "-" not in members, f"the partitions belong to {members}")


def describe_members(scenario):
    plain = scenario.describe("--members")
    expect([row["#PARTITIONS"] for row in plain] == ["2", "2"], str(plain))
    owned = []
    for row in scenario.describe("--members", "--verbose"):
        name, _, partitions = row["CURRENT-ASSIGNMENT"].rpartition(":")
        expect(name == scenario.topic, str(row))
        owned += [int(partition) for partition in partitions.split(",")]
        if scenario.protocol == "consumer":
            expect(row["TARGET-ASSIGNMENT"] == row["CURRENT-ASSIGNMENT"], str(row))
            expect(int(row["CURRENT-EPOCH"]) == int(row["TARGET-EPOCH"]) > 0, str(row))
    expect(sorted(owned) == list(PARTITIONS), f"the partitions of the members are {owned}")
    by_offsets = {row["CONSUMER-ID"] for row in scenario.describe()}
    expect({row["CONSUMER-ID"] for row in plain} == by_offsets, "other members than those of the offsets")


def describe_state(scenario):
    (row,) = scenario.describe("--state")
    expect(row["COORDINATOR"] == scenario.tools.bootstrap, str(row))
    expect(row["ASSIGNMENT-STRATEGY"] == ("range" if scenario.protocol == "classic" else "uniform"), str(row))
    expect((row["STATE"], row["#MEMBERS"]) == ("Stable", "2"), str(row))
    (row,) = scenario.describe("--state", "--verbose")
    if scenario.protocol == "consumer":
        expect(int(row["GROUP-EPOCH"]) == int(row["TARGET-ASSIGNMENT-EPOCH"]) > 0, str(row))


def all_groups(scenario):
    rows = table(scenario.ask("--describe", "--all-groups", "--state"))
    found = {row["GROUP"]: row["STATE"] for row in rows}
    expect(found.get(scenario.group) == "Stable", str(found))


def refused_while_active(scenario):
    scenario.expect_refused(
        "can only be reset if the group", "--reset-offsets", "--group", scenario.group, "--topic", scenario.topic,
        "--to-earliest", "--execute",
    )
    scenario.expect_refused("GroupNotEmptyException", "--delete", "--group", scenario.group)
    scenario.expect_refused(
        "GroupSubscribedToTopicException", "--delete-offsets", "--group", scenario.group, "--topic", scenario.topic
    )
    expect(scenario.offsets() == everywhere(RECORDS), "the offsets have moved")


def metrics(scenario):
    page = urllib.request.urlopen(f"http://127.0.0.1:{scenario.broker.admin_port}/metrics", timeout=10).read().decode()
    found = {name: float(value) for name, value in re.findall(r"^(sluice_group\S+) (\S+)$", page, re.MULTILINE)}
    type_name = f'type="{scenario.protocol}"'
    expect(found[f'sluice_groups{{{type_name},state="Stable"}}'] == 1, "one group is stable")
    expect(found[f"sluice_group_members{{{type_name}}}"] == 2, "it has two members")
    expect(found[f"sluice_group_rebalances_total{{{type_name}}}"] >= 1, "it has rebalanced")
    expect(found["sluice_group_offsets"] == len(PARTITIONS), "it keeps an offset for each partition")
    expect(found["sluice_group_offset_commits_total"] >= len(PARTITIONS), "they were committed")


# After its members have left


def empty(scenario):
    """The members are stopped here."""
    scenario.stop()
    expect(scenario.listed("--state", "empty"), "not among the empty ones")
    expect(scenario.describe("--members") == [], "it still has members")
    (row,) = scenario.describe("--state")
    expect((row["STATE"], row["#MEMBERS"]) == ("Empty", "0"), str(row))


def lag(scenario):
    for row in scenario.describe():
        found = [row[name] for name in ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID")]
        expect(found == [str(RECORDS), str(RECORDS + UNCOMMITTED), str(UNCOMMITTED), "-", "-", "-"], str(row))


def reset_dry_run(scenario):
    at = datetime.datetime.fromtimestamp((BASE_TIME + 11_500) / 1000, datetime.timezone.utc)
    end = RECORDS + UNCOMMITTED
    for how, wanted in (
        (["--to-earliest"], 0),
        (["--to-latest"], end),
        (["--to-current"], RECORDS),
        (["--to-offset", "7"], 7),
        (["--to-offset", str(end + 100)], end),
        (["--shift-by", "-3"], RECORDS - 3),
        (["--shift-by", "2"], RECORDS + 2),
        (["--shift-by", "-1000"], 0),
        (["--to-datetime", at.strftime("%Y-%m-%dT%H:%M:%S.") + "500Z"], 12),
        (["--by-duration", f"PT{int(time.time()) - BASE_TIME // 1000 + 3600}S"], 0),
        (["--by-duration", "PT1S"], end),
    ):
        found = scenario.reset(*how, "--dry-run")
        expect(found == everywhere(wanted), f"{how}: {found}")
    expect(scenario.offsets() == everywhere(RECORDS), "a dry run moved offsets")


def reset_execute(scenario):
    for how, wanted in ((["--to-earliest"], 0), (["--to-offset", "12"], 12), (["--shift-by", "3"], 15)):
        found = scenario.reset(*how, "--execute")
        expect(found == everywhere(wanted), f"{how}: {found}")
        expect(scenario.offsets() == everywhere(wanted), f"{how}: {scenario.offsets()} is stored")
    found = scenario.reset("--to-offset", "4", "--execute", topic=f"{scenario.topic}:1,2")
    expect(found == {1: 4, 2: 4}, str(found))
    expect(scenario.offsets() == {0: 15, 1: 4, 2: 4, 3: 15}, str(scenario.offsets()))


def reset_from_file(scenario):
    options = ["--reset-offsets", "--group", scenario.group, "--topic", scenario.topic, "--to-current", "--export"]
    exported = scenario.ask(*options, "--dry-run")
    found = sorted(re.findall(r'^"?([^",]+)"?,(\d+),(\d+)$', exported, re.MULTILINE))
    wanted = sorted((scenario.topic, str(partition), str(at)) for partition, at in scenario.offsets().items())
    expect(found == wanted, f"exported\n{exported}")
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.writelines(f"{topic},{partition},{20 + int(partition)}\n" for topic, partition, _ in found)
        file.flush()
        scenario.reset("--from-file", file.name, "--execute")
    expect(scenario.offsets() == {partition: 20 + partition for partition in PARTITIONS}, str(scenario.offsets()))


def delete_offsets(scenario):
    options = ["--delete-offsets", "--group", scenario.group, "--topic"]
    output = scenario.ask(*options, f"{scenario.topic}:3")
    (row,) = table(output)
    expect((row["PARTITION"], row["STATUS"]) == ("3", "Successful"), output)
    expect(scenario.offsets() == {0: 20, 1: 21, 2: 22}, str(scenario.offsets()))


def group_configs(scenario):
    entity = ["--entity-type", "groups", "--entity-name", scenario.group]
    ask = lambda *options: scenario.tools.ask(CONFIGS, *options)  # noqa: E731
    ask(*entity, "--alter", "--add-config", "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=7000")
    described = ask(*entity, "--describe")
    expect("consumer.session.timeout.ms=50000" in described, described)
    expect("DYNAMIC_GROUP_CONFIG:consumer.heartbeat.interval.ms=7000" in described, described)
    expect("DEFAULT_CONFIG:group.consumer.session.timeout.ms=45000" in described, described)
    ask(*entity, "--alter", "--delete-config", "consumer.session.timeout.ms")
    described = ask(*entity, "--describe", "--all")
    expect("consumer.session.timeout.ms=45000" in described, described)
    expect("consumer.heartbeat.interval.ms=7000" in described, described)
    listed = ask("--entity-type", "groups", "--describe")
    expect(f"group {scenario.group} are:\n  consumer.heartbeat.interval.ms=7000" in listed, listed)
    for change in ("consumer.session.timeout.ms=1", "consumer.heartbeat.interval.ms=16000", "no.such.setting=1"):
        try:
            output = ask(*entity, "--alter", "--add-config", change)
        except ToolError as error:
            output = str(error)
        expect("InvalidConfigurationException" in output, f"{change}: {output}")


def offsets_topic(scenario):
    """Kafka's own formatters are the judges of what is stored."""
    read = ["--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "3000", "--formatter"]
    output = scenario.tools.ask("consumer.ConsoleConsumer", *read, f"{FORMATTERS}.OffsetsMessageFormatter")
    stored = {}
    for found in json_values(output):
        key, value = found["key"]["data"], found["value"]
        if key["group"] != scenario.group:
            continue
        expect((found["key"]["type"], key["topic"]) == (1, scenario.topic), str(found))
        expect(value is None or value["version"] in (3, 4), str(found))
        stored[key["partition"]] = None if value is None else value["data"]["offset"]
    expect(stored == {0: 20, 1: 21, 2: 22, 3: None}, str(stored))
    if scenario.protocol == "consumer":
        return
    output = scenario.tools.ask("consumer.ConsoleConsumer", *read, f"{FORMATTERS}.GroupMetadataMessageFormatter")
    generations = [found for found in json_values(output) if found["key"]["data"]["group"] == scenario.group]
    members = [len(found["value"]["data"]["members"]) for found in generations]
    expect(max(members) == 2 and members[-1] == 0, f"the stored generations have {members} members")
    full = next(found["value"] for found in generations if len(found["value"]["data"]["members"]) == 2)
    expect(full["version"] == 3 and full["data"]["protocol"] == "range", str(full))
    expect(all(member["assignment"] and member["subscription"] for member in full["data"]["members"]), str(full))


def dumped_records(scenario):
    """DumpLogSegments reads the files that the broker writes to."""
    files = glob.glob(os.path.join(scenario.broker.data_dir, "__consumer_offsets-*", "*.log"))
    files = [path for path in files if os.path.getsize(path)]
    output = scenario.tools.run("DumpLogSegments", "--offsets-decoder", "--files", ",".join(files)).decode()
    types = {}
    for key, payload in re.findall(r"\| offset: .* key: (\{.*?\}) payload: (.*)$", output, re.MULTILINE):
        key = json.loads(key)
        if scenario.group not in (key["data"].get("group"), key["data"].get("groupId")):
            continue
        if payload != "<DELETE>" and payload != "null":
            payload = json.loads(payload)
        types.setdefault(int(key["type"]), []).append(payload)
    wanted = {1, 2} if scenario.protocol == "classic" else {1, 3, 5, 6, 7, 8}
    expect(wanted <= set(types), f"records of types {sorted(types)} in place of {sorted(wanted)}")
    if scenario.protocol == "consumer":
        members = [found for found in types[5] if isinstance(found, dict)]
        expect(all(found["data"]["subscribedTopicNames"] == [scenario.topic] for found in members), str(members))
        expect(max(found["data"]["epoch"] for found in types[3] if isinstance(found, dict)) >= 2, str(types[3]))


def delete_group(scenario):
    output = scenario.ask("--delete", "--group", scenario.group)
    expect("was successful" in output, output)
    expect(scenario.group not in scenario.ask("--list").split(), "still in the list")
    for options in (["--describe"], ["--describe", "--members"], ["--describe", "--state"], ["--delete"]):
        scenario.expect_refused("GroupIdNotFoundException", *options, "--group", scenario.group)


CHECKS = {
    "kafka-consumer-groups --list": lists,
    "kafka-groups --list": kafka_groups,
    "--describe": describe_offsets,
    "--describe --members --verbose": describe_members,
    "--describe --state": describe_state,
    "--describe --all-groups": all_groups,
    "reset, delete, delete-offsets refused while active": refused_while_active,
    "metrics": metrics,
    "members leave": empty,
    "--describe, with lag": lag,
    "--reset-offsets --dry-run": reset_dry_run,
    "--reset-offsets --execute": reset_execute,
    "--reset-offsets --export, --from-file": reset_from_file,
    "--delete-offsets": delete_offsets,
    "kafka-configs --entity-type groups": group_configs,
    "console consumer with the formatters": offsets_topic,
    "DumpLogSegments --offsets-decoder": dumped_records,
    "--delete": delete_group,
}


OF_OWN_BROKER = (metrics, dumped_records)


class GroupAdmin:
    """Every check builds on those before it, so a failure ends the walk through that protocol."""

    name = "group-admin"
    summary = "Kafka's tools for groups, on classic groups and on those of the consumer protocol"

    def run(self, context):
        report = Report(self.name, "row")
        with context.broker(SETTINGS) as broker:
            with ToolShell(broker.bootstrap) as tools, Client(referee_command(), broker.bootstrap) as judge:
                report.version = tools.version
                bench = checks.Bench(judge, judge, self.name)
                for protocol in ("classic", "consumer"):
                    self.walk(report, Scenario(tools, bench, protocol, broker))
        return report

    def walk(self, report, scenario):
        steps = {"verifiable consumers": Scenario.start, **CHECKS}
        try:
            for name, step in steps.items():
                if step in OF_OWN_BROKER and not scenario.broker.owned:
                    continue
                report.check(f"{scenario.protocol}: {name}", lambda: step(scenario))
                if report.checks[f"{scenario.protocol}: {name}"]["result"] == FAIL:
                    return
        finally:
            scenario.discard()
