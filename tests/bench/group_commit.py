#!/usr/bin/python3
"""Group commit beside Kafka's fsync of every batch and beside the device: acks=all, one small record a request.

  group_commit.py --build DIR [--kafka-home DIR] [--directory DIR] [--seconds 5] [--runs 3] [--port 21510]
                  [--producers 1,8,64] [--partitions 1,100,1000] [--set key=value]...

Starts sluiced (sluice.durability=fsync) and, where --kafka-home has its jars, Kafka (topics with flush.messages=1) on
loopback with data below --directory, and runs group_commit_bench from --build against both in turn. Before, the
device's own rate: threads that append 4 KiB and call fdatasync, to a file each and to one file (fdatasync_bench).
Medians of the runs, as markdown; ratios are Sluice to Kafka: records a second (higher is better), p99 (lower is better).
--set goes to sluiced. Build first: ninja sluiced bench
"""
import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import tempfile

import servers

FIGURES = ("per_second", "p50_us", "p99_us", "p999_us")
TOPIC_CONFIG = {"sluice": (), "kafka": ("--config", "flush.messages=1")}


def program(options, name, *arguments):
    found = [path for path in glob.glob(os.path.join(options.build, "**", name), recursive=True) if os.access(path, os.X_OK)]
    if not found:
        raise SystemExit(f"{name} is not below {options.build}: build it first")
    return json.loads(subprocess.run([found[0], *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout)


def load(options, server, producers, partitions):
    before = server.cpu()
    found = program(options, "group_commit_bench", "--broker", f"127.0.0.1:{server.port}", "--producers", producers,
                    "--partitions", partitions, "--seconds", options.seconds, "--size", options.size, *TOPIC_CONFIG[server.name])
    found["cpu"] = server.cpu() - before
    return found


def medians(runs):
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def show_device(options, directory):
    """The syncs a second that the device does, by the number of threads, to a file each."""
    print("| device: threads | files | append + fdatasync a second | p50 ms | p99 ms |\n|---|---|---|---|---|")
    rates = {}
    for threads in options.producers:
        for files in sorted({threads, 1}):
            found = medians([program(options, "fdatasync_bench", directory, threads, files, options.seconds / 2)
                             for _ in range(options.runs)])
            rates[threads, files] = found["per_second"]
            print(f"| {threads} | {files} | {found['per_second']:,.0f} | {found['p50_us'] / 1000:.2f} | {found['p99_us'] / 1000:.2f} |", flush=True)
    print()
    return {threads: rates[threads, threads] for threads in options.producers}


def latencies(found):
    return " / ".join(f"{found[name] / 1000:.2f}" for name in FIGURES[1:])


def main():
    numbers = lambda text: [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--kafka-home", help="a directory with Kafka's jars, or with them in libs/")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="where a directory of its own is made for all data")
    parser.add_argument("--port", type=int, default=21510, help="the first of four")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=4, help="runs of Kafka, not of sluiced, before measuring")
    parser.add_argument("--size", type=int, default=100, help="bytes of a record's value")
    parser.add_argument("--producers", type=numbers, default=[1, 8, 64])
    parser.add_argument("--partitions", type=numbers, default=[1, 100, 1000])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="group-commit-", dir=options.directory)
    running = []
    try:
        device = show_device(options, directory)
        running.append(servers.sluice(os.path.join(options.build, "bin", "sluiced"), options.port, directory,
                                      ["sluice.durability=fsync", *options.set]))
        if options.kafka_home:
            running.append(servers.kafka(options.kafka_home, options.port + 2, directory))
        for server in running:
            server.start()
        both = len(running) == 2
        for _ in range(options.warmup if both else 0):  # its compiler takes its time
            load(options, running[1], 64, 8)
        names = [server.name for server in running]
        print("| producers | partitions | " + " | ".join(f"{name} records/s | {name} p50 / p99 / p99.9 ms" for name in names) +
              (" | ratio records/s | ratio p99" if both else "") + " | sluice records a device sync |")
        print("|---" * (3 + 2 * len(running) + 2 * both) + "|")
        for producers in options.producers:
            for partitions in options.partitions:
                found = {name: [] for name in names}
                for _ in range(options.runs):
                    for server in running:
                        found[server.name].append(load(options, server, producers, partitions))
                found = [medians(found[name]) for name in names]
                cells = [f"{one['per_second']:,.0f} | {latencies(one)}" for one in found]
                if both:
                    cells += [f"{found[0][name] / found[1][name]:.2f}" for name in ("per_second", "p99_us")]
                print(f"| {producers} | {partitions} | " + " | ".join(cells) +
                      f" | {found[0]['per_second'] / device[producers]:.2f} |", flush=True)
    finally:
        for server in running:
            if server.process:
                server.stop()
        shutil.rmtree(directory, ignore_errors=True)


main()
