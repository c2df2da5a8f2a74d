"""Runs Apache Kafka's own command line tools by their Java classes."""

import os
import subprocess

from . import toolchain
from .client import Client

FOLDER = os.path.join(toolchain.CLIENTS, "kafka-tools")


class ToolError(Exception):
    pass


def class_of(tool):
    return tool if tool.startswith(("kafka.", "org.")) else f"org.apache.kafka.tools.{tool}"


class KafkaTools:
    version = "4.3.1"

    def __init__(self, bootstrap=None):
        self.bootstrap = bootstrap
        self._java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
        self._java += [f"-Dlog4j2.configurationFile={os.path.join(FOLDER, 'log4j2.properties')}"]
        self._java += ["-cp", toolchain.java_jars("kafka-tools")]

    def run(self, tool, *arguments, stdin=b"", timeout=180):
        """Output of org.apache.kafka.tools.<tool> (or of a class given in full). Its failure is a ToolError."""
        done = subprocess.run([*self._java, class_of(tool), *arguments], input=stdin, capture_output=True, timeout=timeout)
        if done.returncode:
            text = (done.stdout[-1500:] + done.stderr[-1500:]).decode(errors="replace")
            raise ToolError(f"{tool} {' '.join(arguments)} ended with status {done.returncode}\n{text}")
        return done.stdout

    def ask(self, tool, *arguments, **options):
        """The same with --bootstrap-server, and the output as text."""
        return self.run(tool, "--bootstrap-server", self.bootstrap, *arguments, **options).decode(errors="replace")

    def command(self, tool, *arguments):
        """The command line that runs `tool`, for one that is to run beside the others."""
        return [*self._java, class_of(tool), *arguments]


class ToolShell(KafkaTools):
    """The same in one virtual machine, which is quicker where many tools are asked. A context manager; no stdin."""

    def __enter__(self):
        self._shell = Client([*self._java, os.path.join(FOLDER, "ToolShell.java")], self.bootstrap)
        return self

    def __exit__(self, *_):
        self._shell.close()

    def run(self, tool, *arguments, timeout=180):
        answer = self._shell.call("run", timeout, tool=class_of(tool), arguments=list(arguments))
        if answer["status"]:
            text = answer["out"][-1500:] + answer["err"][-1500:]
            raise ToolError(f"{tool} {' '.join(arguments)} ended with status {answer['status']}\n{text}")
        return answer["out"].encode()
