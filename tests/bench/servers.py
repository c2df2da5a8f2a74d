"""Servers that a benchmark starts on loopback, each a process of its own with its data below a given directory."""
import glob
import os
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 600


class Server:
    """May be stopped and started again on the same data."""

    def __init__(self, name, port, command, directory):
        self.name, self.port, self.command = name, port, command
        self.bootstrap = f"127.0.0.1:{port}"
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None

    def start(self):
        """Returns the seconds from the start of the process until it takes connections."""
        started = time.monotonic()
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT)
        while time.monotonic() - started < PATIENCE_SECONDS:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.monotonic() - started
            except OSError:
                time.sleep(0.01)
        raise SystemExit(f"{self.name} does not listen on {self.port}, see {self.log_path}")

    def stop(self):
        """Ends it in order; returns the seconds that took."""
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def _end(self, how):
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - started

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident_mib(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def mappings(self):
        with open(f"/proc/{self.process.pid}/maps") as maps:
            return sum(1 for _ in maps)


def sluice(program, port, directory, settings=()):
    command = [program, "--set", f"listeners=PLAINTEXT://127.0.0.1:{port}", "--set", f"log.dirs={directory}/sluice",
               "--set", f"sluice.admin.listener=127.0.0.1:{port + 1}"]
    for setting in settings:
        command += ["--set", setting]
    return Server("sluice", port, command, directory)


def kafka(home, port, directory, settings=(), heap="1g"):
    """Kafka as one combined node from the jars in `home` or its libs, formatted first."""
    jars = home if glob.glob(os.path.join(home, "*.jar")) else os.path.join(home, "libs")
    properties = os.path.join(directory, "kafka.properties")
    lines = ["process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@127.0.0.1:{port + 1}",
             f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
             f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}", "controller.listener.names=CONTROLLER",
             "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", f"log.dirs={directory}/kafka",
             "offsets.topic.replication.factor=1", *settings]
    with open(properties, "w") as out:
        out.write("\n".join(lines) + "\n")
    java = ["java", f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
            f"-Dkafka.logs.dir={directory}", "-cp", f"{jars}/*"]
    subprocess.run(java + ["kafka.tools.StorageTool", "format", "-t", "c2x1aWNlX2JlbmNoXzAwMQ", "-c", properties],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server("kafka", port, java + ["kafka.Kafka", properties], directory)
