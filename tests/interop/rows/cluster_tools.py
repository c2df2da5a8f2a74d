"""Kafka's own tools against a cluster of three nodes, and a fourth that comes and goes."""

import json
import os
import re
import subprocess
import time

from harness import checks
from harness.checks import expect
from harness.client import Client
from harness.kafka_tools import KafkaTools, ToolError, ToolShell
from harness.report import LACKS, Report
from rows.client_rows import referee_command

CONFIGS = "kafka.admin.ConfigCommand"
GROUPS = "consumer.group.ConsumerGroupCommand"
RECORDS = 200
PARTITION = re.compile(r"Partition: (\d+)\s+Leader: (\S+)\s+Replicas: (\S+)\s+Isr: (\S*)")


def numbers(text):
    return [int(part) for part in text.split(",") if part]


class Scenario:
    def __init__(self, cluster, tools, bench):
        self.cluster, self.tools, self.bench = cluster, tools, bench
        self.fourth = None

    def ask(self, tool, *arguments):
        return self.tools.ask(tool, *arguments)

    def asked(self, command, *arguments, controller=False):
        """Of the tools that want their address before the verb; by the controller listener if asked so."""
        ways = ("--bootstrap-controller", ",".join(f"{node.host}:{node.controller_port}" for node in self.voters()))
        where = ways if controller else ("--bootstrap-server", self.tools.bootstrap)
        return self.tools.run(command, *where, *arguments).decode()

    def voters(self):
        return [node for node in self.cluster.nodes.values() if node.id <= 3]

    def described(self, topic):
        """partition -> (leader, replicas, isr)"""
        output = self.ask("TopicCommand", "--describe", "--topic", topic)
        return {int(index): (leader, numbers(replicas), numbers(isr))
                for index, leader, replicas, isr in PARTITION.findall(output)}

    def topic(self, partitions=3, **configs):
        name = self.bench.name()
        self.cluster.create_topic(name, partitions, configs=configs)
        return name


def broker_api_versions(scenario):
    found = re.findall(r"\(id: (\d+) rack", scenario.ask("BrokerApiVersionsCommand"))
    expect(sorted(found) == ["1", "2", "3"], str(found))


def topics(scenario):
    name = scenario.bench.name()
    scenario.ask("TopicCommand", "--create", "--topic", name, "--partitions", "6")
    scenario.cluster.await_in_sync(topics=[name])
    found = scenario.described(name)
    expect(len(found) == 6, str(found))
    for leader, replicas, isr in found.values():
        expect(sorted(replicas) == [1, 2, 3] and sorted(isr) == [1, 2, 3] and int(leader) == replicas[0], str(found))
    leaders = [leader for leader, _, _ in found.values()]
    expect(all(leaders.count(leader) == 2 for leader in ("1", "2", "3")), f"the leaders are {leaders}")
    for what in ("--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions", "--at-min-isr-partitions"):
        output = scenario.ask("TopicCommand", "--describe", "--topic", name, what)
        expect("Partition:" not in output, output)
    scenario.ask("TopicCommand", "--alter", "--topic", name, "--partitions", "8")
    scenario.cluster.await_in_sync(topics=[name])
    expect(len(scenario.described(name)) == 8, "no 8 partitions")
    scenario.ask("TopicCommand", "--delete", "--topic", name)
    checks.eventually(lambda: name not in scenario.ask("TopicCommand", "--list").split())


def assigned_topic(scenario):
    name = scenario.bench.name()
    scenario.ask("TopicCommand", "--create", "--topic", name, "--replica-assignment", "2:3,3:1,1:2")
    scenario.cluster.await_in_sync(topics=[name])
    found = {index: replicas for index, (_, replicas, _) in scenario.described(name).items()}
    expect(found == {0: [2, 3], 1: [3, 1], 2: [1, 2]}, str(found))
    try:
        scenario.ask("TopicCommand", "--create", "--topic", scenario.bench.name(), "--replication-factor", "4", "--partitions", "1")
    except ToolError as error:
        expect("eplicat" in str(error).split("Error while executing")[1], str(error))
    else:
        raise checks.Failure("four replicas on three nodes were not refused")


def leader_election(scenario):
    """A leader is stopped, so another one leads; when it is back it is elected again by hand."""
    name = scenario.topic(3)
    victim = scenario.cluster.leader(name, 0)
    victim.stop()
    scenario.cluster.eventually(
        lambda: "" if scenario.cluster.leader(name, 0) not in (None, victim) else "no other leader", 30, "failover")
    victim.start()
    scenario.cluster.await_ready()
    scenario.cluster.await_in_sync(topics=[name])
    output = scenario.ask("LeaderElectionCommand", "--election-type", "preferred", "--topic", name, "--partition", "0")
    expect("Successfully completed leader election" in output or "already" in output.lower(), output)
    checks.eventually(lambda: scenario.described(name)[0][0] == str(victim.id))
    output = scenario.ask("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions")
    found = scenario.described(name)
    expect(all(int(leader) == replicas[0] for leader, replicas, _ in found.values()), f"{found}\n{output}")


def unclean_election(scenario):
    """The last in-sync replica is away: only an unclean election brings the partition back."""
    name = scenario.bench.name()
    scenario.ask("TopicCommand", "--create", "--topic", name, "--replica-assignment", "1:2", "--config", "min.insync.replicas=1")
    scenario.cluster.await_in_sync(topics=[name])
    first, second = scenario.cluster.nodes[1], scenario.cluster.nodes[2]
    second.kill()
    scenario.cluster.eventually(
        lambda: "" if scenario.cluster.metadata(first)["topics"][name]["0"]["isr"] == [1] else "not shrunk", 60, "the ISR of a killed follower")
    scenario.bench.fill(name, 0, checks.plain_records(10))
    first.kill()
    second.start()
    scenario.cluster.await_ready()
    try:
        checks.eventually(lambda: scenario.described(name)[0][0] != "1", 30)
        time.sleep(2)
        expect(scenario.described(name)[0][0] in ("none", "-1"), f"{scenario.described(name)}: a replica that was out of sync leads")
        output = scenario.ask("LeaderElectionCommand", "--election-type", "unclean", "--topic", name, "--partition", "0")
        expect("Successfully completed leader election (UNCLEAN)" in output, output)
        checks.eventually(lambda: scenario.described(name)[0][0] == "2")
    finally:
        first.start()
        scenario.cluster.await_ready()
        scenario.cluster.await_in_sync()


def quorum_status(controller):
    def check(scenario):
        output = scenario.asked("MetadataQuorumCommand", "describe", "--status", controller=controller)
        found = dict(re.findall(r"^(\w+):\s+(.*)$", output, re.M))
        expect(int(found["LeaderId"]) == scenario.cluster.quorum()["leader"], output)
        expect(int(found["LeaderEpoch"]) > 0 and int(found["HighWatermark"]) > 0, output)
        voters = re.findall(r'"id": (\d+), "directoryId": ([^,]+), "endpoints": \["CONTROLLER://([^"]+)"', found["CurrentVoters"])
        if scenario.cluster.kind == "kafka":  # static voters are told without their endpoints
            voters = re.findall(r'"id": (\d+)()()', found["CurrentVoters"])
        expect(sorted(int(voter[0]) for voter in voters) == [1, 2, 3], output)

    return check


def quorum_replication(controller):
    def check(scenario):
        output = scenario.asked("MetadataQuorumCommand", "describe", "--replication", controller=controller)
        header, *rows = [line.split("\t") for line in output.splitlines() if line.strip()]
        rows = [dict(zip([name.strip() for name in header], [cell.strip() for cell in row])) for row in rows]
        expect(sorted(int(row["NodeId"]) for row in rows if row["Status"] in ("Leader", "Follower")) == [1, 2, 3], output)
        expect(all(int(row["Lag"]) < 100 and int(row["LogEndOffset"]) > 0 for row in rows), output)
        expect(sum(row["Status"] == "Leader" for row in rows) == 1, output)

    return check


def configs(scenario):
    topic = scenario.topic(1)
    for entity, change in ((["--entity-type", "topics", "--entity-name", topic], "retention.ms=60000"),
                           (["--entity-type", "brokers", "--entity-default"], "message.max.bytes=3000000"),
                           (["--entity-type", "brokers", "--entity-default"], "log.cleaner.threads=2"),
                           (["--entity-type", "brokers", "--entity-name", "2"], "message.max.bytes=2000000")):
        scenario.ask(CONFIGS, *entity, "--alter", "--add-config", change)
        for node in scenario.voters():
            seen = lambda: scenario.tools.run(CONFIGS, "--bootstrap-server", node.bootstrap, *entity, "--describe").decode()  # noqa: E731
            checks.eventually(lambda: change in seen())
        scenario.ask(CONFIGS, *entity, "--alter", "--delete-config", change.split("=")[0])
        checks.eventually(lambda: change not in scenario.ask(CONFIGS, *entity, "--describe"))


def log_dirs(scenario):
    topic = scenario.topic(2)
    scenario.bench.fill(topic, 1, checks.plain_records(RECORDS))
    scenario.cluster.await_in_sync(topics=[topic])

    def sizes():
        output = scenario.ask("LogDirsCommand", "--describe", "--topic-list", topic)
        found = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
        return {broker["broker"]: {entry["partition"]: (entry["size"], entry["offsetLag"]) for directory in broker["logDirs"]
                                   for entry in directory["partitions"]} for broker in found["brokers"]}

    def same():
        found = sizes()
        return len(found) == 3 and all(len(part) == 2 for part in found.values()) and len({str(part) for part in found.values()}) == 1

    checks.eventually(same)
    found = sizes()
    expect(found[1][f"{topic}-1"][0] > 1000 and found[1][f"{topic}-1"][1] == 0, str(found))


def replica_verification(scenario):
    """The tool fetches from every replica, compares checksums, and never ends by itself."""
    topic = scenario.topic(3)
    for partition in range(3):
        scenario.bench.fill(topic, partition, checks.plain_records(RECORDS))
    command = KafkaTools.command(scenario.tools, "ReplicaVerificationTool", "--broker-list", scenario.tools.bootstrap,
                                 "--topics-include", topic, "--time", "-2", "--report-interval-ms", "1000")
    path = os.path.join(scenario.cluster.home, "replica-verification.txt")

    def told():
        with open(path) as file:
            return file.read()

    with open(path, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        checks.eventually(lambda: re.search(r"max lag is 0 for partition \S+ at offset \d+ among 3 partitions", told()), 60)
    except Exception as error:
        raise checks.Failure(f"{error}: {told()[-2000:]}") from error
    finally:
        process.kill()
        process.wait()
    output = told()
    expect("differ" not in output and "doesn't match" not in output and "not expected" not in output, output[-2000:])


def endpoints(controller):
    def check(scenario):
        ways = ("--bootstrap-controller", scenario.voters()[1].host + f":{scenario.voters()[1].controller_port}")
        output = scenario.tools.run("ClusterTool", "list-endpoints", *(ways if controller else ("--bootstrap-server", scenario.tools.bootstrap))).decode()
        for node in scenario.voters():
            port = node.controller_port if controller else node.port
            expect(re.search(rf"^{node.id}\s+{re.escape(node.host)}\s+{port}\s", output, re.M), output)

    return check


def cluster_id(scenario):
    found = {scenario.tools.run("ClusterTool", "cluster-id", "--bootstrap-server", node.bootstrap).decode() for node in scenario.voters()}
    expect(len(found) == 1 and re.search(r"Cluster ID: \S{22}\n", found.pop()), "the nodes do not agree")


def features(controller):
    def check(scenario):
        output = scenario.asked("FeatureCommand", "describe", controller=controller)
        found = re.search(r"Feature: metadata.version\s+SupportedMinVersion: (\S.*?)\s+SupportedMaxVersion: (\S.*?)\s+FinalizedVersionLevel: (\S.*?)\s", output)
        expect(found and found.groups() == ("4.3-IV0",) * 3, output)

    return check


def consumer_groups(scenario):
    """The group is described by the next coordinator as it was by the one that is gone."""
    topic, group = scenario.topic(2), scenario.bench.name()
    scenario.bench.fill(topic, 0, checks.plain_records(RECORDS))
    scenario.bench.fill(topic, 1, checks.plain_records(RECORDS))
    scenario.bench.referee.call("group_consume", topic=topic, group=group, count=2 * RECORDS)
    describe = lambda: scenario.ask(GROUPS, "--describe", "--group", group)  # noqa: E731
    offsets = lambda: sorted(re.findall(rf"{topic}\s+(\d)\s+(\d+)\s+(\d+)\s+(\d+)", describe()))  # noqa: E731
    wanted = [(str(partition), str(RECORDS), str(RECORDS), "0") for partition in range(2)]
    expect(offsets() == wanted, describe())
    state = scenario.ask(GROUPS, "--describe", "--group", group, "--state")
    host, _, port = re.search(r"(\S+):(\d+)\s+\((\d+)\)", state).groups()
    victim = next(node for node in scenario.voters() if f"{node.port}" in state)
    victim.kill()
    checks.eventually(lambda: offsets() == wanted, 60)
    state = scenario.ask(GROUPS, "--describe", "--group", group, "--state")
    expect(f":{victim.port}" not in state, state)
    victim.start()
    scenario.cluster.await_ready()
    scenario.cluster.await_in_sync()
    expect(offsets() == wanted, describe())


def join(scenario):
    """A fourth node that is told one address."""
    scenario.fourth = scenario.cluster.add(4)
    scenario.fourth.join = scenario.cluster.nodes[1].bootstrap
    scenario.fourth.start()
    scenario.cluster.await_ready()
    found = re.findall(r"\(id: (\d+) rack", scenario.ask("BrokerApiVersionsCommand"))
    expect(sorted(found) == ["1", "2", "3", "4"], str(found))
    output = scenario.asked("MetadataQuorumCommand", "describe", "--replication")
    checks.eventually(lambda: re.search(r"^4\s.*Observer", scenario.asked("MetadataQuorumCommand", "describe", "--replication"), re.M))
    expect(re.search(r"^4\s", output, re.M), output)


def directory_id(node):
    with open(os.path.join(node.seen_data, "meta.properties")) as file:
        return dict(line.strip().split("=", 1) for line in file if "=" in line)["directory.id"]


def voters_of(scenario):
    output = scenario.asked("MetadataQuorumCommand", "describe", "--status")
    return sorted(int(voter) for voter in re.findall(r'"id": (\d+)', output.split("CurrentVoters:")[1].split("CurrentObservers")[0]))


def add_voter(scenario):
    path = os.path.join(scenario.cluster.home, "fourth.properties")
    with open(path, "w") as file:
        own = {**scenario.cluster.nodes[1].properties(), **scenario.fourth.properties(), "process.roles": "broker,controller", "node.id": "4"}
        listener = f"CONTROLLER://{scenario.fourth.host}:{scenario.fourth.controller_port}"
        own.update({"advertised.listeners": f"PLAINTEXT://{scenario.fourth.bootstrap},{listener}"})
        own.pop("controller.quorum.voters", None)
        own["controller.quorum.bootstrap.servers"] = f"{scenario.fourth.host}:{scenario.voters()[0].controller_port}"
        file.writelines(f"{name}={value}\n" for name, value in own.items())
    output = scenario.asked("MetadataQuorumCommand", "--command-config", path, "add-controller")
    expect("Added controller 4" in output, output)
    checks.eventually(lambda: voters_of(scenario) == [1, 2, 3, 4])


def remove_voter(scenario):
    node = scenario.fourth
    output = scenario.asked("MetadataQuorumCommand", "remove-controller", "--controller-id", "4", "--controller-directory-id", directory_id(node))
    expect(re.search(r"Removed\s+KRaft controller 4", output), output)
    checks.eventually(lambda: voters_of(scenario) == [1, 2, 3])


def unregister(scenario):
    scenario.fourth.stop()
    tool = ["--bootstrap-server", scenario.tools.bootstrap]
    listed = lambda: scenario.tools.run("ClusterTool", "list-endpoints", *tool, "--include-fenced-brokers").decode()  # noqa: E731
    checks.eventually(lambda: re.search(r"^4\s.*fenced", listed(), re.M))
    output = scenario.tools.run("ClusterTool", "unregister", *tool, "--id", "4").decode()
    expect("no longer registered" in output, output)
    checks.eventually(lambda: not re.search(r"^4\s", listed(), re.M))
    scenario.cluster.nodes.pop(4)


CHECKS = {
    "kafka-broker-api-versions": broker_api_versions,
    "kafka-topics": topics,
    "kafka-topics --replica-assignment": assigned_topic,
    "kafka-metadata-quorum describe --status": quorum_status(False),
    "kafka-metadata-quorum describe --status, by a controller": quorum_status(True),
    "kafka-metadata-quorum describe --replication": quorum_replication(False),
    "kafka-metadata-quorum describe --replication, by a controller": quorum_replication(True),
    "kafka-configs through any node": configs,
    "kafka-log-dirs": log_dirs,
    "kafka-replica-verification": replica_verification,
    "kafka-cluster cluster-id": cluster_id,
    "kafka-cluster list-endpoints": endpoints(False),
    "kafka-cluster list-endpoints, by a controller": endpoints(True),
    "kafka-features describe": features(False),
    "kafka-features describe, by a controller": features(True),
    "kafka-leader-election, preferred": leader_election,
    "kafka-consumer-groups across a failover": consumer_groups,
    "kafka-leader-election, unclean": unclean_election,
    "a fourth node joins": join,
    "kafka-metadata-quorum add-controller": add_voter,
    "kafka-metadata-quorum remove-controller": remove_voter,
    "kafka-cluster unregister": unregister,
}
OF_DYNAMIC_QUORUM = (add_voter, remove_voter)


class ClusterTools:
    name = "cluster-tools"
    summary = "Kafka's own tools against a cluster"

    def run(self, context):
        report = Report(self.name, "row")
        referee = referee_command()
        settings = {"offsets.topic.num.partitions": "5", "broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}
        with context.cluster(3, settings=settings) as cluster:
            with ToolShell(cluster.bootstrap) as tools, Client(referee, cluster.bootstrap) as judge:
                report.version = tools.version
                scenario = Scenario(cluster, tools, checks.Bench(judge, judge, self.name))
                for name in context.selected(CHECKS):
                    if cluster.kind == "kafka" and CHECKS[name] in OF_DYNAMIC_QUORUM:
                        report.note(name, LACKS, "Kafka's voters are static when they come from controller.quorum.voters")
                        continue
                    report.check(name, lambda: CHECKS[name](scenario))
                    cluster.start()  # whatever a check that failed has stopped
        return report
