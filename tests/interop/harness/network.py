"""Where the nodes of a cluster live: all on loopback, or each in a network namespace of its own that can be cut off."""

import subprocess

from . import toolchain
from .mounts import PrivateMounts
from .ports import free_port

NOWHERE = "02:00:00:00:00:01"  # a hardware address that nobody has: what is sent there is lost without a sign
CLIENTS = 0  # stands for the place where the clients are, where a node's id is asked for


class Loopback:
    """All nodes and clients at 127.0.0.1. Nothing can be cut off."""

    can_cut = False
    wrapper = []  # of the commands of clients
    root = ""  # how this process sees the files of nodes

    def __init__(self):
        self._taken = set()

    def add(self, node_id):
        pass

    def wrapper_of(self, node_id):
        return []

    def host_of(self, node_id):
        return "127.0.0.1"

    def ports(self):
        """Three, for clients, for the quorum and for the admin page."""
        found = set()
        while len(found) < 3:
            found.add(free_port())
            found -= self._taken
        self._taken |= found
        return tuple(found)

    def heal(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class PrivateNetwork(PrivateMounts):
    """A bridge with the clients on it, and a veth pair to the namespace of each node. Packets from A to B are lost by an
    ARP entry that leads nowhere, so connections hang and are not refused; what goes from B to A still arrives."""

    kinds = "mn"
    can_cut = True
    prefix = "10.77.0."

    def __init__(self):
        toolchain.need("ip")
        super().__init__()
        self._keepers = {}
        self._cuts = set()
        try:
            self.run("ip", "link", "set", "lo", "up")
            self.run("ip", "link", "add", "br0", "type", "bridge")
            self.run("ip", "address", "add", f"{self.prefix}1/24", "dev", "br0")
            self.run("ip", "link", "set", "br0", "up")
        except RuntimeError as refused:
            self.__exit__()
            raise toolchain.Skip(f"no bridge can be made here: {refused}") from refused

    def add(self, node_id):
        """The namespace of a node. It shares the mounts with the others."""
        keeper = subprocess.Popen(
            [*self.wrapper, "unshare", "-n", "sh", "-c", "echo ready; exec sleep infinity"], stdout=subprocess.PIPE
        )
        keeper.stdout.readline()
        self._keepers[node_id] = keeper
        name = f"node{node_id}"
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(keeper.pid))
        self.run("ip", "link", "set", name, "master", "br0", "up")
        for command in (
            ["ip", "link", "set", "lo", "up"],
            ["ip", "address", "add", f"{self.host_of(node_id)}/24", "dev", "eth0"],
            ["ip", "link", "set", "eth0", "up"],
        ):
            self._run_at(node_id, *command)

    def wrapper_of(self, node_id):
        if node_id == CLIENTS:
            return self.wrapper
        return [*self.wrapper, "nsenter", "-t", str(self._keepers[node_id].pid), "-n"]

    def host_of(self, node_id):
        return f"{self.prefix}{10 + node_id if node_id else 1}"

    def ports(self):
        return 9092, 9093, 9644

    def _run_at(self, node_id, *command):
        subprocess.run([*self.wrapper_of(node_id), *command], check=True, capture_output=True)

    def cut(self, source, target):
        """Nothing that `source` sends to `target` arrives."""
        self._cuts.add((source, target))
        device = "br0" if source == CLIENTS else "eth0"
        self._run_at(
            source, "ip", "neigh", "replace", self.host_of(target), "lladdr", NOWHERE, "nud", "permanent", "dev", device
        )

    def heal(self):
        for source, target in self._cuts:
            device = "br0" if source == CLIENTS else "eth0"
            self._run_at(source, "ip", "neigh", "del", self.host_of(target), "dev", device)
        self._cuts.clear()

    def __exit__(self, *_):
        for keeper in self._keepers.values():
            keeper.kill()
            keeper.wait()
        super().__exit__()
