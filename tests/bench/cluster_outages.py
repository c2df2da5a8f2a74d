"""How long producing to a partition stands still when something happens to a node: part of cluster.py."""

import sys
import time

from cluster_faults.workers import Worker, librdkafka_newest

PARTITIONS = 6
RATE = 300  # records a second
PATIENCE = 30  # seconds that a partition is waited for
# The client is quick to come back and soon gives up on a server that says nothing, so that what is measured is the servers.
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20, "linger.ms": 0,
         "topic.metadata.refresh.fast.interval.ms": 50, "topic.metadata.refresh.interval.ms": 1000, "socket.timeout.ms": 1000}


def leader_that_is_not(cluster, topic, other):
    """A node that leads a partition; not `other`, if there is one."""
    leaders = {found["leader"] for found in cluster.metadata()["topics"][topic].values()}
    found = sorted(leaders - {other.id}) or sorted(leaders)
    return cluster.nodes[found[0]]


def longest_wait(worker, began, ended):
    """Of any partition, between two acknowledgements."""
    longest, last = 0.0, {}
    for event in worker.events:
        if event["event"] == "ack" and began - 1 < event["at"] < ended:
            longest = max(longest, event["at"] - last.get(event["p"], event["at"]))
            last[event["p"]] = event["at"]
    return longest


def acknowledged_everywhere(worker, since, seconds):
    """Whether all partitions took records after `since`, waiting as long as that."""
    waiting = set(range(PARTITIONS))
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        time.sleep(0.05)
        worker.look()
        for event in reversed(worker.events):
            if event["at"] < since:
                break
            if event["event"] == "ack":
                waiting.discard(event["p"])
    return not waiting


def kill(node):
    node.kill()
    yield
    node.start()


def pause(node):
    node.pause()
    yield
    node.resume()


def restart(node):
    node.stop()
    node.start()
    yield


EVENTS = {
    "SIGKILL of a leader": (kill, False),
    "SIGKILL of the controller": (kill, True),
    "SIGSTOP of a leader": (pause, False),
    "SIGSTOP of the controller": (pause, True),
    "controlled restart of a leader": (restart, False),
    "controlled restart of the controller": (restart, True),
}


def outages(options, cluster, figures):
    topic = f"outages-{time.monotonic_ns()}"
    cluster.create_topic(topic, PARTITIONS)
    with Worker(cluster, librdkafka_newest(), "produce", topic, topic, PARTITIONS, rate=RATE, settings=QUICK) as worker:
        worker.await_ready()
        acknowledged_everywhere(worker, time.monotonic(), PATIENCE)
        # All kinds in turn, so that what else the machine does falls on all of them.
        for _ in range(options.events):
            for name, (do, to_controller) in EVENTS.items():
                if options.only not in name:
                    continue
                waited = outage(cluster, topic, worker, do, to_controller)
                figures.setdefault(f"{name}: no acknowledgement for s", []).append(waited)
                print(f"  {name}: {waited:.3f} s", file=sys.stderr, flush=True)
        worker.stop(30)
        failed = [event for event in worker.events if event["event"] == "failed"]
        if failed:
            print(f"  {len(failed)} records were given up, the first: {failed[0]}", file=sys.stderr)
    cluster.probe("delete_topics", names=[topic])


def outage(cluster, topic, worker, do, to_controller):
    controller = cluster.controller()
    node = controller if to_controller else leader_that_is_not(cluster, topic, controller)
    worker.look()
    began = time.monotonic()
    steps = do(node)
    next(steps)
    healed = acknowledged_everywhere(worker, began + 0.5, PATIENCE)
    time.sleep(0.5)
    worker.look()
    if worker.process.poll() is not None:
        raise RuntimeError(f"the producer has ended: {worker.complaints()}")
    ended = time.monotonic()
    next(steps, None)
    cluster.await_ready()
    cluster.await_in_sync(topics=[topic])
    time.sleep(0.5)
    return longest_wait(worker, began, ended) if healed else ended - began
