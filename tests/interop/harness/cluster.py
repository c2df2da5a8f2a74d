"""Clusters under test: nodes of `sluiced`, or of Apache Kafka, from one KRaft configuration, on a network of one's choice."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from . import cluster_wire
from .broker import BrokerError
from .client import Client, ClientError
from .kafka_tools import FOLDER as KAFKA_FOLDER
from .network import Loopback
from .toolchain import java_jars

TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 90
STOP_SECONDS = 90
PROPERTIES = {
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
}


def replicated(replicas):
    """Settings with which Kafka, too, keeps everything `replicas` times and acknowledges what a majority has."""
    majority = replicas // 2 + 1
    return {
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(majority),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(majority),
    }


class Node:
    """A server process of a cluster, only ever signalled by its own pid."""

    def __init__(self, cluster, node_id, roles="broker,controller"):
        self.cluster, self.id, self.roles = cluster, node_id, roles
        self.network = cluster.network
        self.network.add(node_id)
        self.host = self.network.host_of(node_id)
        self.port, self.controller_port, self.admin_port = self.network.ports()
        self.bootstrap = f"{self.host}:{self.port}"
        self.home = os.path.join(cluster.home, f"node-{node_id}")
        self.data_dir = os.path.join(self.home, "data")
        self.log_path = os.path.join(self.home, "server.log")
        self.properties_path = os.path.join(self.home, "server.properties")
        self.join = None  # an address of the cluster, for a node that is told nothing else
        self.settings = {}
        self.process = None
        os.makedirs(self.data_dir)

    @property
    def seen_data(self):
        """The data directory as this process sees it, where something is mounted on it."""
        return self.network.root + self.data_dir

    @property
    def controller_address(self):
        return f"{self.host}:{self.controller_port}"

    def properties(self):
        listeners = {"broker": f"PLAINTEXT://{self.bootstrap}", "controller": f"CONTROLLER://{self.controller_address}"}
        own = {"advertised.listeners": f"PLAINTEXT://{self.bootstrap}"} if "broker" in self.roles else {}
        return {
            "process.roles": self.roles,
            "node.id": str(self.id),
            **self.cluster.quorum_settings,
            "listeners": ",".join(listeners[role] for role in self.roles.split(",")),
            **own,
            **PROPERTIES,
            "log.dirs": self.data_dir,
            **self.cluster.settings,
            **self.settings,
        }

    def write_properties(self):
        with open(self.properties_path, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in self.properties().items())

    def start(self):
        """Returns at once: see Cluster.await_ready."""
        self.prepare()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.network.wrapper_of(self.id), *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )

    def prepare(self):
        self.write_properties()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        """SIGTERM; ends with status 0 (143 for Kafka, which reports the signal). The seconds that took."""
        started = time.monotonic()
        status = self._end(signal.SIGTERM)
        if status not in (0, 143):
            raise BrokerError(f"node {self.id} ended with status {status} after SIGTERM\n{self.log_tail()}")
        return time.monotonic() - started

    def _end(self, how):
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGCONT)  # one that is paused would not see SIGTERM
        process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise BrokerError(f"node {self.id} did not stop within {STOP_SECONDS} s of SIGTERM\n{self.log_tail()}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        """A new, empty disk."""
        for name in os.listdir(self.seen_data):
            path = os.path.join(self.seen_data, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def cpu(self):
        """utime + stime in seconds."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(status.read().split("VmRSS:")[1].split()[0]) * 1024

    def log_tail(self, lines=25):
        try:
            with open(self.log_path, errors="replace") as log:
                return "".join(line[:400].rstrip() + "\n" for line in log.readlines()[-lines:])
        except OSError:
            return ""


class SluiceNode(Node):
    def properties(self):
        own = {"sluice.admin.listener": f"{self.host}:{self.admin_port}"}
        if self.join is None:
            return {**super().properties(), **own}
        listeners = f"PLAINTEXT://{self.bootstrap},CONTROLLER://{self.controller_address}"
        return {"listeners": listeners, **PROPERTIES, "log.dirs": self.data_dir, **self.settings, **own}

    def command(self):
        join = ["--join", self.join] if self.join else []
        return [self.cluster.program, "--config", self.properties_path, *join]


class KafkaNode(Node):
    """From the jars that Kafka's tools come with. One that joins is a broker only: the voters are those of the start."""

    def properties(self):
        own = {"process.roles": "broker", "listeners": f"PLAINTEXT://{self.bootstrap}"} if self.join else {}
        return {**super().properties(), **own}

    def command(self, *tool, heap=None):
        heap = heap or self.cluster.heap
        java = ["java", f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
        java += [f"-Dkafka.logs.dir={self.home}", "-cp", java_jars("kafka-tools")]
        java += [f"-Dlog4j2.configurationFile={os.path.join(KAFKA_FOLDER, 'log4j2.properties')}"]
        return [*java, *(tool or ("kafka.Kafka", self.properties_path))]

    def prepare(self):
        self.write_properties()
        if os.path.exists(os.path.join(self.seen_data, "meta.properties")):
            return
        ways = []
        if "controller.quorum.voters" not in self.cluster.quorum_settings:
            ways = ["--standalone"] if "controller" in self.roles else ["--no-initial-controllers"]
        form = self.command("kafka.tools.StorageTool", "format", "-t", "c2x1aWNlX2ludGVyb3BfMQ", "-c", self.properties_path,
                            *ways, heap="128m")
        done = subprocess.run([*self.network.wrapper_of(self.id), *form], capture_output=True, text=True)
        if done.returncode:
            raise BrokerError(f"Kafka cannot format its directory:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


class Cluster:
    """`count` combined nodes with the ids 1, 2, ...; with `controllers`, brokers, and so many controllers with the ids 101,
    102, ..., one alone as a dynamic quorum. A context manager that starts them, and stops what is left of them."""

    owned = True

    def __init__(self, program, count=3, network=None, settings=None, kind="sluice", home=None, heap="512m",
                 controllers=0):
        """`settings` are added to every node's properties. `program` is sluiced, and not used by kind "kafka", which gets
        `heap` a node."""
        self.program, self.kind, self.heap = program, kind, heap
        self.network = network or Loopback()
        self.home = tempfile.mkdtemp(prefix=f"{kind}-cluster-", dir=home)
        self.settings = {**replicated(min(count, 3)), **(settings or {})}
        self.controllers = {}  # those that are nothing else
        self.nodes = {}
        self._probe = None
        for node_id in range(101, 101 + controllers):
            self.controllers[node_id] = self._node(node_id, "controller")
        for node_id in range(1, count + 1):
            self.nodes[node_id] = self._node(node_id, "broker" if controllers else "broker,controller")
        voters = (self.controllers or self.nodes).values()
        self.quorum_settings = {"controller.quorum.voters": ",".join(f"{node.id}@{node.controller_address}" for node in voters)}
        if controllers == 1:  # as in the configurations that Kafka comes with
            self.quorum_settings = {"controller.quorum.bootstrap.servers": next(iter(voters)).controller_address}

    def _node(self, node_id, roles):
        return (KafkaNode if self.kind == "kafka" else SluiceNode)(self, node_id, roles)

    def add(self, node_id):
        """Another node, not started."""
        self.nodes[node_id] = self._node(node_id, "broker,controller")
        return self.nodes[node_id]

    @property
    def servers(self):
        """All processes, the controllers first."""
        return [*self.controllers.values(), *self.nodes.values()]

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.nodes.values())

    @property
    def data_dirs(self):
        return [node.seen_data for node in self.nodes.values()]

    def start(self):
        for node in self.servers:
            if not node.alive():
                node.start()
        self.await_ready()

    def await_ready(self, timeout=START_SECONDS):
        """Until every live node knows of all live nodes, and of a leader of the quorum."""
        self.eventually(self._unready, timeout, "the cluster is not ready")

    def _unready(self):
        live = [node for node in self.nodes.values() if node.process is not None]
        for node in self.servers:
            if node.process is not None and not node.alive():
                raise BrokerError(f"node {node.id} ended with status {node.process.returncode}\n{node.log_tail()}")
        for node in live:
            known = set(self.metadata(node)["brokers"])
            if not {str(other.id) for other in live} <= known:
                return f"node {node.id} knows of brokers {sorted(known)}"
        leader = self.quorum()["leader"]
        return "" if leader >= 0 else "the quorum has no leader"

    def await_in_sync(self, timeout=START_SECONDS, topics=None):
        """Until every replica of `topics` (of all) is in sync and has a leader, as every live node tells it."""
        self.eventually(lambda: self._out_of_sync(topics), timeout, "not all replicas are in sync")

    def _out_of_sync(self, topics):
        for node in self.live():
            for topic, partitions in self.metadata(node)["topics"].items():
                if topics is not None and topic not in topics:
                    continue
                for index, found in partitions.items():
                    if found["leader"] < 0 or set(found["isr"]) != set(found["replicas"]):
                        return f"node {node.id} tells of {topic}-{index}: {found}"
        return ""

    @staticmethod
    def eventually(complaint, timeout, what):
        """Until `complaint()` is empty; its last words become the error. Servers that do not answer are asked again."""
        deadline = time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            try:
                words = complaint()
            except (ClientError, OSError) as error:
                words = str(error)
            if not words:
                return
            if time.monotonic() > deadline:
                raise BrokerError(f"{what} after {timeout:.0f} s: {words}")
            time.sleep(max(0.05, time.monotonic() - asked))  # asking about many partitions is work

    def live(self):
        return [node for node in self.nodes.values() if node.alive()]

    def probe(self, operation, node=None, **arguments):
        """Asks `node`, or the first live one that answers."""
        if self._probe is None:
            self._probe = Client([*self.network.wrapper, sys.executable, cluster_wire.__file__], "")
        refusal = ClientError("no node is alive")
        for asked in [node] if node else self.live():
            try:
                return self._probe.call(operation, 120, address=asked.bootstrap, **arguments)["found"]
            except ClientError as error:
                refusal = error
        raise refusal

    def metadata(self, node=None):
        return self.probe("metadata", node)

    def quorum(self, node=None):
        return self.probe("quorum", node)

    def controller(self):
        """The node that leads the quorum, or None."""
        leader = self.quorum()["leader"]
        return self.controllers.get(leader) or self.nodes.get(leader)

    def leader(self, topic, partition):
        return self.nodes.get(self.metadata()["topics"][topic][str(partition)]["leader"])

    def create_topic(self, topic, partitions, replicas=3, configs=None):
        refused = self.probe("create_topics", names=[topic], partitions=partitions, replicas=replicas, configs=configs or {})
        if refused:
            raise BrokerError(f"topic {topic} was refused with error {refused}")
        self.await_in_sync(topics=[topic])

    def client_command(self, command):
        """A client's command line, where the cluster can be reached from."""
        return [*self.network.wrapper, *command]

    def cpu(self):
        return sum(node.cpu() for node in self.servers if node.alive())

    def resident(self):
        return sum(node.resident() for node in self.servers if node.alive())

    def log_tail(self):
        return "\n".join(f"-- node {node.id}\n{node.log_tail()}" for node in self.servers)

    def discard(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def stop(self):
        """SIGTERM to all brokers at once, then to what is controller only; the first that does not end well is the error.
        Kafka's last nodes wait for a quorum that is gone: those are killed."""
        if self.kind == "kafka":
            self.kill()
            return
        # A second SIGTERM would be an order to stop at once, so each gets one, and from a thread of its own.
        for group in (self.nodes.values(), self.controllers.values()):
            if not group:
                continue
            with ThreadPoolExecutor(len(group)) as executor:
                stops = [executor.submit(node.stop) for node in group if node.process is not None]
            for stop in stops:
                stop.result()

    def kill(self):
        for node in self.servers:
            if node.process is not None:
                node.kill()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, failure, *_):
        if self._probe is not None:
            self._probe.close()
            self._probe = None
        if failure is None:
            self.stop()
        else:
            self.kill()
