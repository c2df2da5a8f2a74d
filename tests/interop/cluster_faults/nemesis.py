"""What is done to a cluster while clients work: faults with a beginning and an end, picked by a seed."""

import os
import time

CHUNK = 1 << 16
FILLER = "of-others"  # the file that leaves no room on a disk


class Fault:
    """Something that is wrong with the nodes in `targets` between `begin` and `end`."""

    kind = ""

    def __init__(self, cluster, targets):
        self.cluster, self.targets = cluster, targets

    def __str__(self):
        return f"{self.kind} {'+'.join(str(node.id) for node in self.targets)}"

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError


class Kill(Fault):
    kind = "kill"

    def begin(self):
        for node in self.targets:
            node.kill()

    def end(self):
        for node in self.targets:
            node.start()


class Pause(Fault):
    kind = "pause"

    def begin(self):
        for node in self.targets:
            node.pause()

    def end(self):
        for node in self.targets:
            node.resume()


class Partition(Fault):
    """From its peers only: clients still reach it, and it may take what it cannot replicate."""

    kind = "partition"
    clients_too = False
    ways = ("to", "from")

    def begin(self):
        for node in self.targets:
            others = [other.id for other in self.cluster.nodes.values() if other is not node]
            for other in others + [0] * self.clients_too:
                if "to" in self.ways:
                    self.cluster.network.cut(other, node.id)
                if "from" in self.ways:
                    self.cluster.network.cut(node.id, other)

    def end(self):
        self.cluster.network.heal()


class Isolation(Partition):
    kind = "isolation"
    clients_too = True


class Mute(Partition):
    """It hears, but is not heard."""

    kind = "mute"
    ways = ("from",)


class Deaf(Partition):
    kind = "deaf"
    ways = ("to",)


class FullDisk(Fault):
    """Not a byte is left. A server that dies of it is started again when there is room."""

    kind = "full disk"

    def _filler(self, node):
        return os.path.join(node.seen_data, FILLER)

    def begin(self):
        for node in self.targets:
            with open(self._filler(node), "wb", buffering=0) as file:
                try:
                    while file.write(bytes(CHUNK)):
                        pass
                except OSError:
                    pass

    def end(self):
        for node in self.targets:
            os.remove(self._filler(node))
            if not node.alive():
                node.process = None
                node.start()


class Restart(Fault):
    """SIGTERM and a start."""

    kind = "restart"

    def begin(self):
        for node in self.targets:
            node.stop()

    def end(self):
        for node in self.targets:
            node.start()


class Rolling(Fault):
    """Each node in turn, when the one before is in sync again."""

    kind = "rolling restart"

    def begin(self):
        pass

    def end(self):
        for node in self.targets:
            node.stop()
            node.start()
            self.cluster.await_ready()
            self.cluster.await_in_sync()


ALWAYS = (Kill, Pause, Restart, Rolling)
WITH_NETWORK = (Partition, Isolation, Mute, Deaf)


def targets(cluster, random, topic, partitions):
    """The leader of some partition, the controller, both, or any node; and what was meant."""
    aim = random.choice(("leader", "leader", "controller", "both", "any"))
    leader = cluster.leader(topic, random.randrange(partitions))
    controller = cluster.controller()
    found = {
        "leader": [leader],
        "controller": [controller],
        "both": [leader, controller],
        "any": [random.choice(list(cluster.nodes.values()))],
    }[aim]
    return aim, list(dict.fromkeys(node for node in found if node is not None))


class Nemesis:
    """Plays faults from a seed. `schedule` deals every kind once before any comes again."""

    def __init__(self, cluster, random, topic, partitions, kinds):
        self.cluster, self.random = cluster, random
        self.topic, self.partitions, self.kinds = topic, partitions, kinds
        self._dealt = []

    def next(self):
        if not self._dealt:
            self._dealt = list(self.kinds)
            self.random.shuffle(self._dealt)
        kind = self._dealt.pop()
        aim, found = targets(self.cluster, self.random, self.topic, self.partitions)
        if kind is Rolling:
            aim, found = "all", list(self.cluster.nodes.values())
        return aim, kind(self.cluster, found)

    def play(self, aim, fault, hold):
        """Returns when the fault has ended, and when it began and ended."""
        began = time.monotonic()
        fault.begin()
        time.sleep(hold)
        fault.end()
        return began, time.monotonic()
