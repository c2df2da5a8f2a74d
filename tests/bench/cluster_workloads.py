"""Load, catching up, many topics and many partitions: parts of cluster.py. Each adds what it measures to `figures`, name ->
values, as soon as it is known."""

import json
import os
import subprocess
import time

from harness.client import ClientError

PARTITIONS = 6
SIZE = 1024
EACH = 100  # partitions of a topic where there are to be many
LOAD_SECONDS = 180  # a client that takes longer is ended
HERE = os.path.dirname(os.path.abspath(__file__))


def compile_client(folder):
    """rdkafka_load, as a program."""
    program = os.path.join(folder, "rdkafka_load")
    source = os.path.join(HERE, "rdkafka_load.cpp")
    done = subprocess.run(["c++", "-O2", "-std=c++20", source, "-o", program, "-lrdkafka"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rdkafka_load.cpp does not compile; librdkafka-dev is needed:\n{done.stderr[-2000:]}")
    return program


def own_topic(cluster, partitions=PARTITIONS):
    name = f"bench-{time.monotonic_ns()}"
    cluster.create_topic(name, partitions)
    return name


def drop(cluster, topic):
    cluster.probe("delete_topics", names=[topic])


def produce(options, cluster, topic, count, rate, **settings):
    """What rdkafka_load tells."""
    command = [options.client, cluster.bootstrap, topic, PARTITIONS, SIZE, count, rate, *(f"{k}={v}" for k, v in settings.items())]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=LOAD_SECONDS)
    if done.returncode:
        raise RuntimeError(f"the client has failed: {done.stdout}{done.stderr[-1000:]}")
    return json.loads(done.stdout)


def fast(options, cluster, topic, megabytes):
    """Seconds that it takes to write so many."""
    return produce(options, cluster, topic, megabytes * 1_000_000 // SIZE, 0, **{"linger.ms": 5})["seconds"]


def paced(options, cluster, topic, seconds):
    return produce(options, cluster, topic, options.rate * seconds, options.rate, **{"linger.ms": 0})


def warm_up(options, cluster):
    topic = own_topic(cluster)
    for _ in range(options.warmup):
        fast(options, cluster, topic, options.warmup_mb)
        paced(options, cluster, topic, 5)
    drop(cluster, topic)
    time.sleep(2)


def add(figures, found):
    for name, value in found.items():
        figures.setdefault(name, []).append(value)


def load(options, cluster, figures):
    for _ in range(options.runs):
        topic = own_topic(cluster)
        before = cluster.cpu()
        seconds = fast(options, cluster, topic, options.load_mb)
        found = {"acks=all, 1 KiB: MB/s": options.load_mb / seconds,
                 "acks=all, 1 KiB: CPU s/GB, all nodes": (cluster.cpu() - before) / (options.load_mb / 1000)}
        time.sleep(1)
        before, started = cluster.cpu(), time.monotonic()
        waits = paced(options, cluster, topic, options.seconds)["us"]
        used = (cluster.cpu() - before) / (time.monotonic() - started)
        found.update({f"acks=all at {options.rate:,}/s: p{name} ms": us / 1000 for name, us in waits.items()})
        found[f"acks=all at {options.rate:,}/s: CPU of all nodes %"] = 100 * used
        add(figures, found)
        drop(cluster, topic)
        time.sleep(1)


def catch_up(options, cluster, figures):
    """The follower is another one each time."""
    for index in range(options.runs):
        topic = own_topic(cluster)
        follower = cluster.nodes[3 - index % 3]
        follower.stop()
        cluster.eventually(lambda: "" if all(follower.id != found["leader"] for found in cluster.metadata()["topics"][topic].values())
                           else "it still leads", 60, "leaders move")
        fast(options, cluster, topic, options.catch_up_mb)
        started = time.monotonic()
        follower.start()
        answers = first_answer(cluster, follower)
        before = cluster.cpu()
        cluster.await_in_sync(300, [topic])
        ended = time.monotonic()
        add(figures, {
            "catching up: s from the start to in sync": ended - started,
            "catching up: MB/s from the first answer to in sync": options.catch_up_mb / max(ended - answers, 0.001),
            "catching up: CPU s/GB, all nodes": (cluster.cpu() - before) / (options.catch_up_mb / 1000)})
        drop(cluster, topic)


def first_answer(cluster, node):
    """When `node` first knew of brokers."""
    while True:
        try:
            if cluster.metadata(node)["brokers"]:
                return time.monotonic()
        except ClientError:
            time.sleep(0.01)


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

    cluster.eventually(complaint, 300, "not all topics have leaders")


def topics(options, cluster, figures):
    names = [f"many-{time.monotonic_ns()}-{index}" for index in range(options.topics)]
    before, started = cluster.cpu(), time.monotonic()
    create(cluster, names, 1)
    answered = time.monotonic() - started
    led_everywhere(cluster, names)
    led = time.monotonic() - started
    cluster.await_in_sync(300)
    what = f"{options.topics:,} topics x 3 replicas"
    add(figures, {f"{what}: answered after s": answered, f"{what}: led, all nodes know, after s": led,
                  f"{what}: CPU s, all nodes": cluster.cpu() - before})


def partitions(options, cluster, figures):
    """As many more as are missing."""
    there = sum(map(len, cluster.metadata()["topics"].values()))
    names = [f"wide-{time.monotonic_ns()}-{index}" for index in range((options.partitions - there) // EACH)]
    started = time.monotonic()
    for name in names:
        create(cluster, [name], EACH)
    led_everywhere(cluster, names)
    cluster.await_in_sync(300)
    made = time.monotonic() - started
    time.sleep(options.idle_seconds / 2)  # what creating them has left to do
    before, started = cluster.cpu(), time.monotonic()
    time.sleep(options.idle_seconds)
    used = (cluster.cpu() - before) / (time.monotonic() - started)
    what = f"{options.partitions:,} partitions x 3 replicas"
    add(figures, {f"{what}: the last {EACH * len(names):,} made and in sync after s": made,
                  f"{what}: idle CPU of all nodes %": 100 * used,
                  f"{what}: memory of all nodes MiB": cluster.resident() / (1 << 20)})
    for _ in range(options.failovers):
        controller_failover(cluster, what, figures)


def controller_failover(cluster, what, figures):
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
        left = sum(found["leader"] in (controller.id, -1) for topic in cluster.metadata(other)["topics"].values() for found in topic.values())
        return f"{left} partitions are led by the dead node" if left else ""

    cluster.eventually(complaint, 120, "not all partitions have another leader")
    led = time.monotonic() - started
    add(figures, {f"{what}: SIGKILL of the controller until a topic is made s": created,
                  f"{what}: SIGKILL of the controller until all are led by others s": led})
    started = time.monotonic()
    controller.start()
    cluster.await_ready(200)
    cluster.await_in_sync(200)
    add(figures, {f"{what}: start of the killed node until all is in sync s": time.monotonic() - started})
