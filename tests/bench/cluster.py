#!/usr/bin/python3
"""Three nodes beside Kafka's three nodes: outages of producing, throughput, latency, CPU, topics, failover and catching up.

  cluster.py --sluiced PROGRAM [--targets sluice/os,kafka/os,sluice/fsync,kafka/fsync] [--workloads outages,load,topics,
             partitions,catch-up] [--runs 3] [--events 5] [--warmup 2] [--directory DIR] [--small]

Starts one cluster after the other on loopback, from the same KRaft properties (3 replicas, min.insync.replicas 2, default
sessions), and prints a markdown table with the ratio of each target to the Kafka of its durability. os: the page cache,
which is Kafka's default and sluice.durability=os; fsync: synced before the answer, which is Sluice's default and
log.flush.interval.messages=1 in Kafka. Kafka comes from the jars of the interop suite's Kafka tools (Maven and a JDK needed).

outages: a librdkafka producer with acks=all sends 300 records a second to 6 partitions; one event is done to a node, and the
longest time without an acknowledgement in a partition is taken; median and highest of --events. Pauses last until another
node leads and then a second, at most 40 s.
load: acks=all, 6 partitions: 1 KiB as fast as it goes, and at a fixed rate with linger 0, time from produce() to the answer.
CPU is utime + stime of the three processes; GB = 1e9 bytes of payload, which are replicated three times.
topics: --topics topics of one partition and three replicas in requests of 100, one after the other, until the answer to the
last, and until every node has heard of a leader for each.
partitions: --partitions partitions with three replicas, CPU of the idle cluster over --idle-seconds, then SIGKILL of the
controller: until another node creates a topic, and until every partition has another leader.
catch-up: a follower is stopped, --catch-up-mb are written, it is started: from when it answers until it is in sync.
--small: everything once, a tenth as large, to see whether it works.
"""
import argparse
import os
import shutil
import signal
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

import server_cost  # noqa: E402
from cluster_faults.workers import Worker, librdkafka  # noqa: E402
from harness.client import ClientError  # noqa: E402
from harness.cluster import Cluster  # noqa: E402

PARTITIONS = 6
RATE = 300  # of the producer that sees the outages
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20, "linger.ms": 0,
         "topic.metadata.refresh.fast.interval.ms": 50}
DURABILITY = {
    ("sluice", "os"): {"sluice.durability": "os"},
    ("sluice", "fsync"): {},
    ("kafka", "os"): {},
    ("kafka", "fsync"): {"log.flush.interval.messages": "1"},
}


def own_topic(cluster, partitions=PARTITIONS, **configs):
    name = f"bench-{time.monotonic_ns()}"
    cluster.create_topic(name, partitions, configs=configs)
    return name


def drop(cluster, topic):
    server_cost.drop_topic(cluster, topic)


def highest_and_median(name, values, unit="s"):
    return {f"{name}: median {unit}": statistics.median(values), f"{name}: highest {unit}": max(values)}


# Outages


def leader_that_is_not(cluster, topic, other):
    """A node that leads a partition; not `other`, if there is one."""
    leaders = {found["leader"] for found in cluster.metadata()["topics"][topic].values()}
    found = sorted(leaders - {other.id}) or sorted(leaders)
    return cluster.nodes[found[0]]


def longest_wait(worker, began, ended):
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


def kill(cluster, node):
    node.kill()
    yield
    node.start()


def pause(cluster, node):
    node.pause()
    yield
    node.resume()


def restart(cluster, node):
    node.stop()
    node.start()
    yield


EVENTS = {
    "SIGKILL of a leader": (kill, False),
    "SIGKILL of the controller": (kill, True),
    "SIGSTOP of a leader": (pause, False),
    "SIGSTOP of the controller": (pause, True),
    "restart of a leader": (restart, False),
    "restart of the controller": (restart, True),
}


def outages(options, cluster):
    topic = own_topic(cluster)
    figures = {}
    with Worker(cluster, librdkafka(), "produce", f"outages-{topic}", topic, PARTITIONS, rate=RATE, settings=QUICK) as worker:
        worker.await_ready()
        acknowledged_everywhere(worker, time.monotonic(), 30)
        for name, (do, to_controller) in EVENTS.items():
            if options.only not in name:
                continue
            waits = [outage(cluster, topic, worker, do, to_controller) for _ in range(options.events)]
            print(f"  {name}: {[round(wait, 3) for wait in waits]}", file=sys.stderr, flush=True)
            figures.update(highest_and_median(name, waits))
        worker.stop()
        failed = [event for event in worker.events if event["event"] == "failed"]
        if failed:
            print(f"  {len(failed)} records were given up, the first: {failed[0]}", file=sys.stderr)
    drop(cluster, topic)
    return figures


def outage(cluster, topic, worker, do, to_controller):
    controller = cluster.controller()
    node = controller if to_controller else leader_that_is_not(cluster, topic, controller)
    began = time.monotonic()
    steps = do(cluster, node)
    next(steps)
    acknowledged_everywhere(worker, began + 0.5, 40)
    time.sleep(1)
    ended = time.monotonic()
    for _ in steps:
        pass
    worker.look()
    longest = longest_wait(worker, began, ended)
    cluster.await_ready()
    cluster.await_in_sync(topics=[topic])
    time.sleep(1)
    return longest


# Load


def spread(cluster, topic, size, count, **settings):
    """server_cost's producer, with a delivery that fails as its error."""
    return server_cost.produce(cluster, topic, size, count, acks="all", **{"linger.ms": 5, **settings})


def answer_times(cluster, topic, size, rate, seconds):
    """Seconds from produce() to the acknowledgement, of the last four fifths."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 0})
    value = server_cost.payloads(size)[0]
    found = []

    def delivered(sent):
        def note(error, _):
            assert error is None, error
            found.append(time.monotonic() - sent)
        return note

    stopping = threading.Event()

    def poll():
        while not stopping.is_set():
            producer.poll(0.05)

    poller = threading.Thread(target=poll)
    poller.start()
    started = time.monotonic()
    for i in range(rate * seconds):
        if (ahead := i / rate - (time.monotonic() - started)) > 0:
            time.sleep(ahead)
        producer.produce(topic, value, partition=i % PARTITIONS, on_delivery=delivered(time.monotonic()))
    producer.flush(60)
    stopping.set()
    poller.join()
    return found[len(found) // 5:]


def load(options, cluster):
    runs = []
    for _ in range(options.runs):
        topic = own_topic(cluster)
        size, count = 1024, options.load_mb * 1000 * 1000 // 1024
        before = cluster.cpu()
        seconds = spread(cluster, topic, size, count)
        gb = size * count / 1e9
        figures = {"acks=all, 1 KiB: MB/s": gb * 1000 / seconds, "acks=all, 1 KiB: CPU s/GB, all nodes": (cluster.cpu() - before) / gb}
        before, started = cluster.cpu(), time.monotonic()
        times = answer_times(cluster, topic, 1024, options.rate, options.seconds)
        used = (cluster.cpu() - before) / (time.monotonic() - started)
        figures[f"acks=all at {options.rate:,}/s: CPU of all nodes %"] = 100 * used
        for name, share in (("50", 0.5), ("99", 0.99), ("99.9", 0.999)):
            figures[f"acks=all at {options.rate:,}/s: p{name} ms"] = server_cost.percentile(times, share) / 1000
        runs.append(figures)
        drop(cluster, topic)
        time.sleep(2)
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def warm_up(options, cluster):
    for _ in range(options.warmup):
        topic = own_topic(cluster)
        spread(cluster, topic, 1024, options.warmup_mb * 1000 * 1000 // 1024)
        server_cost.produce(cluster, topic, 1024, options.rate * 5, options.rate, acks="all", **{"linger.ms": 0})
        drop(cluster, topic)


# Many topics, many partitions


def create(cluster, names, partitions):
    for at in range(0, len(names), 100):
        refused = cluster.probe("create_topics", names=names[at:at + 100], partitions=partitions, replicas=3)
        assert not refused, refused


def led_everywhere(cluster, names):
    wanted = set(names)

    def complaint():
        for node in cluster.live():
            topics = cluster.metadata(node)["topics"]
            led = {name for name in wanted & topics.keys() if all(found["leader"] >= 0 for found in topics[name].values())}
            if led != wanted:
                return f"node {node.id} knows leaders of {len(led)} of {len(wanted)} topics"
        return ""

    cluster.eventually(complaint, 600, "not all topics have leaders")


def topics(options, cluster):
    names = [f"many-{time.monotonic_ns()}-{index}" for index in range(options.topics)]
    before, started = cluster.cpu(), time.monotonic()
    create(cluster, names, 1)
    answered = time.monotonic() - started
    led_everywhere(cluster, names)
    what = f"{options.topics:,} topics of 3 replicas"
    figures = {f"{what}: answered after s": answered, f"{what}: led, all nodes know, after s": time.monotonic() - started}
    cluster.await_in_sync(300)
    figures[f"{what}: CPU s, all nodes"] = cluster.cpu() - before
    return figures


def partitions(options, cluster):
    each = 100
    names = [f"wide-{time.monotonic_ns()}-{index}" for index in range(options.partitions // each)]
    for name in names:
        create(cluster, [name], each)
    led_everywhere(cluster, names)
    cluster.await_in_sync(600)
    time.sleep(options.idle_seconds / 2)  # what creating them has left to do
    before = cluster.cpu()
    time.sleep(options.idle_seconds)
    what = f"{options.partitions:,} partitions of 3 replicas"
    figures = {f"{what}: idle CPU of all nodes %": 100 * (cluster.cpu() - before) / options.idle_seconds,
               f"{what}: memory of all nodes MiB": cluster.resident() / (1 << 20)}
    first, led = [], []
    for _ in range(options.events):
        took = controller_failover(cluster, names)
        first.append(took[0])
        led.append(took[1])
    figures.update(highest_and_median(f"{what}: SIGKILL of the controller until a topic is created", first))
    figures.update(highest_and_median(f"{what}: SIGKILL of the controller until all are led by others", led))
    return figures


def controller_failover(cluster, names):
    controller = cluster.controller()
    started = time.monotonic()
    controller.kill()
    other = cluster.live()[0]
    while True:
        try:
            # A request that waits for a controller must not hide the one that would be answered.
            refused = cluster.probe("create_topics", other, names=[f"after-{time.monotonic_ns()}"], partitions=1, replicas=2, patience=2.0)
            if not refused:
                break
        except ClientError:
            pass
        assert time.monotonic() - started < 120, "no controller"
        time.sleep(0.02)
    created = time.monotonic() - started

    def complaint():
        topics = cluster.metadata(other)["topics"]
        left = sum(found["leader"] in (controller.id, -1) for name in names for found in topics[name].values())
        return f"{left} partitions are led by the dead node" if left else ""

    cluster.eventually(complaint, 120, "not all partitions have another leader")
    led = time.monotonic() - started
    controller.start()
    cluster.await_ready(300)
    cluster.await_in_sync(600)
    return created, led


# Catching up


def catch_up(options, cluster):
    topic = own_topic(cluster)
    follower = cluster.nodes[3]
    follower.stop()
    cluster.eventually(lambda: "" if all(follower.id != found["leader"] for found in cluster.metadata()["topics"][topic].values())
                       else "it still leads", 60, "leaders move")
    count = options.catch_up_mb * 1000 * 1000 // 1024
    spread(cluster, topic, 1024, count)
    started = time.monotonic()
    follower.start()
    while True:
        try:
            if cluster.metadata(follower)["brokers"]:
                break
        except ClientError:
            time.sleep(0.01)
    answers = time.monotonic()
    before = cluster.cpu()
    cluster.await_in_sync(300, [topic])
    ended = time.monotonic()
    figures = {"catching up: s from the start to in sync": ended - started,
               "catching up: MB/s from the first answer to in sync": count * 1024 / 1e6 / max(ended - answers, 0.001),
               "catching up: CPU s/GB, all nodes": (cluster.cpu() - before) / (count * 1024 / 1e9)}
    drop(cluster, topic)
    return figures


WORKLOADS = {"load": load, "outages": outages, "catch-up": catch_up, "topics": topics, "partitions": partitions}


def measure(options, target):
    """The figures of one kind of cluster."""
    kind, durability = target.split("/")
    figures = {}
    for workload in options.workloads:
        home = os.path.abspath(options.directory) if options.directory else None
        settings = dict(DURABILITY[kind, durability])
        cluster = Cluster(options.sluiced, 3, settings=settings, kind=kind, home=home, heap=options.heap)
        try:
            with cluster:
                # Its compiler takes its time; Sluice is as warm as it gets after a moment.
                if workload in ("load", "outages", "catch-up"):
                    warm_up(options, cluster)
                found = WORKLOADS[workload](options, cluster)
                print(f"{target} {workload}: { {name: round(value, 3) for name, value in found.items()} }", file=sys.stderr, flush=True)
                figures.update(found)
        except Exception as error:  # the figures so far are worth printing
            print(f"{target} {workload} has failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            if options.keep:
                print(f"its files: {cluster.home}", file=sys.stderr)
                continue
        shutil.rmtree(cluster.home, ignore_errors=True)
    return figures


def cell(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def show(results):
    names = list(results)
    pairs = [(name, f"kafka/{name.split('/')[1]}") for name in names if not name.startswith("kafka")]
    pairs = [pair for pair in pairs if pair[1] in names]
    print("| figure | " + " | ".join(names) + "".join(f" | {one} : {other}" for one, other in pairs) + " |")
    print("|---" * (1 + len(names) + len(pairs)) + "|")
    for figure in dict.fromkeys(figure for found in results.values() for figure in found):
        values = {name: results[name].get(figure) for name in names}
        cells = [cell(value) for value in values.values()]
        for one, other in pairs:
            cells.append(f"{values[one] / values[other]:.2f}" if values[one] is not None and values[other] else "-")
        print(f"| {figure} | " + " | ".join(cells) + " |", flush=True)


def main():
    words = lambda text: [part for part in text.split(",") if part]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluiced", help="the program")
    parser.add_argument("--targets", type=words, default=["sluice/os", "kafka/os", "sluice/fsync"])
    parser.add_argument("--workloads", type=words, default=list(WORKLOADS))
    parser.add_argument("--only", default="", help="only outages whose name has this text")
    parser.add_argument("--runs", type=int, default=3, help="of load")
    parser.add_argument("--events", type=int, default=5, help="of each kind of outage, and controller failovers")
    parser.add_argument("--warmup", type=int, default=2, help="rounds before measuring")
    parser.add_argument("--warmup-mb", type=int, default=1000)
    parser.add_argument("--load-mb", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--partitions", type=int, default=10_000)
    parser.add_argument("--idle-seconds", type=float, default=20)
    parser.add_argument("--catch-up-mb", type=int, default=2000)
    parser.add_argument("--heap", default="1g", help="of each of Kafka's nodes")
    parser.add_argument("--directory", help="where the data is, below a new directory")
    parser.add_argument("--keep", action="store_true", help="the files of a workload that failed")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    unknown = [target for target in options.targets if tuple(target.split("/")) not in DURABILITY]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    if options.small:
        options.runs = options.events = options.warmup = 1
        options.warmup_mb = options.load_mb = 100
        options.topics, options.partitions, options.catch_up_mb = 100, 500, 200
        options.seconds, options.idle_seconds = 5, 5
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended on the way out
    show({target: measure(options, target) for target in options.targets})


if __name__ == "__main__":
    main()
