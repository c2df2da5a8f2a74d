#!/usr/bin/python3
"""Consumer groups beside Kafka: members, rebalances, commits, and restarts with many committed offsets.

  groups.py --build DIR [--kafka-home DIR] [--directory DIR] [--port 21610] [--workloads groups,rebalance,commits,load]
            [--protocols classic,consumer] [--runs 3] [--groups 1000] [--members 500] [--rate 20000]
            [--load-groups 1000] [--load-partitions 1000] [--os] [--set key=value]...

Starts sluiced and, where --kafka-home has its jars, Kafka on loopback with data below --directory, and runs group_bench
from --build against one after the other, each workload --runs times; with --os also sluiced with sluice.durability=os,
which promises what Kafka does. Medians, as markdown, one row a figure, with the ratios to Kafka. Settings that are the
same for all: see SETTINGS; --set goes to sluiced. Build first: ninja sluiced group_bench

groups: until all groups of 3 are stable, which takes twice the initial delay of 0.5 s in the classic protocol and some
heartbeats in the other; the server's CPU for that, and afterwards; what a group holds in memory (of Kafka: live heap).
rebalance: one group over 1,000 partitions, a member joins or leaves until all members are at rest: in all, after the last
member's request, and the server's CPU for it.
commits: of one offset each, by members and without, at a rate and then as many as it takes.
load: offsets are written, the server is killed and started: from there until the first group's and until all sampled
groups' offsets are answered.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import servers

SETTINGS = ["group.initial.rebalance.delay.ms=500", "group.max.size=10000",
            "group.consumer.heartbeat.interval.ms=1000", "group.consumer.min.heartbeat.interval.ms=1000",
            "group.consumer.max.size=10000"]
REBALANCE_PARTITIONS = 1000
REBALANCE_HEARTBEAT_MS = 1000


def bench(options, server, workload, *arguments):
    found = [path for path in glob.glob(os.path.join(options.build, "**", "group_bench"), recursive=True)
             if os.path.isfile(path) and os.access(path, os.X_OK)]
    if not found:
        raise SystemExit(f"group_bench is not below {options.build}: build it first")
    command = [found[0], workload, "--broker", server.bootstrap, "--server-pid", server.process.pid, *arguments]
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_groups(options, server, protocol):
    return bench(options, server, "groups", "--protocol", protocol, "--groups", options.groups, "--seconds", options.seconds)


def run_rebalance(options, server, protocol):
    return bench(options, server, "rebalance", "--protocol", protocol, "--members", options.members, "--partitions",
                 REBALANCE_PARTITIONS, "--heartbeat-ms", REBALANCE_HEARTBEAT_MS)


def run_commits(options, server, _):
    return bench(options, server, "commits", "--rate", options.rate, "--groups", options.groups, "--partitions", 10,
                 "--connections", options.connections, "--seconds", options.seconds)


def run_load(options, server, _):
    shape = ["--groups", options.load_groups, "--partitions", options.load_partitions]
    found = bench(options, server, "write", *shape)
    server.kill()
    started = time.monotonic()
    # Not server.start(): it waits until the server listens, and the bench does that itself.
    with open(server.log_path, "a") as log:
        server.process = subprocess.Popen(server.command, stdout=log, stderr=subprocess.STDOUT)
    read = bench(options, server, "read", *shape, "--started", started)
    return {**{"write: " + name: value for name, value in found.items()}, **read}


WORKLOADS = {"groups": run_groups, "rebalance": run_rebalance, "commits": run_commits, "load": run_load}
OF_MEMBERS = ("groups", "rebalance")


def cases(options):
    for workload in options.workloads:
        for protocol in options.protocols if workload in OF_MEMBERS else [""]:
            yield workload, protocol


def start(options, name):
    """A server with empty data; its directory."""
    directory = tempfile.mkdtemp(prefix="groups-", dir=options.directory)
    if name == "kafka":
        server = servers.kafka(options.kafka_home, options.port + 2, directory, SETTINGS, heap=options.heap)
    else:
        durability = ["sluice.durability=os"] if name == "sluice, os" else []
        server = servers.sluice(os.path.join(options.build, "bin", "sluiced"), options.port, directory,
                                [*SETTINGS, *durability, *options.set])
    server.start()
    return server, directory


def measure(options, name):
    """By case, the figures of each run; those are told as they come, too."""
    found = {}
    for case in cases(options):
        workload = case[0]
        warmups = int(name == "kafka" and workload != "load")  # its compiler takes its time; a restart is always cold
        found[case] = []
        server = directory = None
        try:
            for run in range(options.runs + warmups):
                if server is None:
                    server, directory = start(options, name)
                figures = WORKLOADS[workload](options, server, case[1])
                print(f"{name} {' '.join(case).strip()} {json.dumps(figures)}", file=sys.stderr, flush=True)
                found[case] += [figures] * (run >= warmups)
                if workload == "load":
                    end(server, directory)
                    server = None
        except subprocess.CalledProcessError:
            print(f"{name} {' '.join(case).strip()} has failed", file=sys.stderr, flush=True)
        finally:
            if server:
                end(server, directory)
    return found


def end(server, directory):
    if server.process.poll() is None:
        server.kill()
    shutil.rmtree(directory, ignore_errors=True)


def show(options, results):
    names = list(results)
    ratios = [name for name in names if name != "kafka"] if "kafka" in names else []
    print("| workload | figure | " + " | ".join(names) + "".join(f" | {name} : kafka" for name in ratios) + " |")
    print("|---" * (2 + len(names) + len(ratios)) + "|")
    for case in cases(options):
        runs = {name: results[name][case] for name in names}
        figures = next((list(found[0]) for found in runs.values() if found), [])
        for figure in figures:
            medians = {name: statistics.median(run[figure] for run in found) if found else None for name, found in runs.items()}
            cells = ["-" if median is None else f"{median:,.4g}" if median < 1000 else f"{median:,.0f}" for median in medians.values()]
            cells += [f"{medians[name] / medians['kafka']:.2f}" if medians[name] is not None and medians["kafka"] else "-"
                      for name in ratios]
            print(f"| {' '.join(case).strip()} | {figure} | " + " | ".join(cells) + " |")


def main():
    words = lambda text: [part for part in text.split(",") if part]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--kafka-home", help="a directory with Kafka's jars, or with them in libs/")
    parser.add_argument("--heap", default="1g", help="of Kafka")
    parser.add_argument("--directory", default=None, help="where directories are made for all data")
    parser.add_argument("--port", type=int, default=21610, help="the first of four")
    parser.add_argument("--workloads", type=words, default=list(WORKLOADS))
    parser.add_argument("--protocols", type=words, default=["classic", "consumer"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--load-groups", type=int, default=1000)
    parser.add_argument("--load-partitions", type=int, default=1000)
    parser.add_argument("--os", action="store_true", help="also sluiced with sluice.durability=os")
    parser.add_argument("--only-kafka", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended on the way out
    names = [] if options.only_kafka else ["sluice"] + ["sluice, os"] * options.os
    names += ["kafka"] * bool(options.kafka_home)
    show(options, {name: measure(options, name) for name in names})


if __name__ == "__main__":
    main()
