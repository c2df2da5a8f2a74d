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
import signal
import socket
import statistics
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
FIGURES = ("per_second", "p50_us", "p99_us", "p999_us")


class Server:
    """A process of ours that listens on `port`; its data is gone with it."""

    def __init__(self, name, port, command, directory, topic_config=()):
        self.name, self.port, self.topic_config = name, port, topic_config
        self.log = open(os.path.join(directory, name + ".log"), "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_until_open()

    def wait_until_open(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended with {self.process.returncode}, see {self.log.name}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.name} does not listen on {self.port}, see {self.log.name}")

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_sluice(options, directory):
    command = [os.path.join(options.build, "bin", "sluiced"),
               "--set", f"listeners=PLAINTEXT://127.0.0.1:{options.port}",
               "--set", f"log.dirs={directory}/sluice", "--set", "sluice.durability=fsync",
               "--set", f"sluice.admin.listener=127.0.0.1:{options.port + 1}"]
    for setting in options.set:
        command += ["--set", setting]
    return Server("sluice", options.port, command, directory)


def start_kafka(options, directory):
    jars = options.kafka_home if glob.glob(os.path.join(options.kafka_home, "*.jar")) else os.path.join(options.kafka_home, "libs")
    port = options.port + 2
    properties = os.path.join(directory, "kafka.properties")
    with open(properties, "w") as out:
        out.write(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{port + 1}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={directory}/kafka
offsets.topic.replication.factor=1
""")
    java = ["java", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", f"-Dkafka.logs.dir={directory}", "-cp", f"{jars}/*"]
    subprocess.run(java + ["kafka.tools.StorageTool", "format", "-t", "Z3JvdXBfY29tbWl0XzAwMQ", "-c", properties],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server("kafka", port, java + ["kafka.Kafka", properties], directory, ("--config", "flush.messages=1"))


def program(options, name, *arguments):
    found = [path for path in glob.glob(os.path.join(options.build, "**", name), recursive=True) if os.access(path, os.X_OK)]
    if not found:
        raise SystemExit(f"{name} is not below {options.build}: build it first")
    return json.loads(subprocess.run([found[0], *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout)


def load(options, server, producers, partitions):
    before = server.cpu()
    found = program(options, "group_commit_bench", "--broker", f"127.0.0.1:{server.port}", "--producers", producers,
                    "--partitions", partitions, "--seconds", options.seconds, "--size", options.size, *server.topic_config)
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
    servers = []
    try:
        device = show_device(options, directory)
        servers.append(start_sluice(options, directory))
        if options.kafka_home:
            servers.append(start_kafka(options, directory))
            for _ in range(options.warmup):  # its compiler takes its time
                load(options, servers[1], 64, 8)
        names = [server.name for server in servers]
        both = len(servers) == 2
        print("| producers | partitions | " + " | ".join(f"{name} records/s | {name} p50 / p99 / p99.9 ms" for name in names) +
              (" | ratio records/s | ratio p99" if both else "") + " | sluice records a device sync |")
        print("|---" * (3 + 2 * len(servers) + 2 * both) + "|")
        for producers in options.producers:
            for partitions in options.partitions:
                found = {name: [] for name in names}
                for _ in range(options.runs):
                    for server in servers:
                        found[server.name].append(load(options, server, producers, partitions))
                found = [medians(found[name]) for name in names]
                cells = [f"{one['per_second']:,.0f} | {latencies(one)}" for one in found]
                if both:
                    cells += [f"{found[0][name] / found[1][name]:.2f}" for name in ("per_second", "p99_us")]
                print(f"| {producers} | {partitions} | " + " | ".join(cells) +
                      f" | {found[0]['per_second'] / device[producers]:.2f} |", flush=True)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


main()
