"""Runs Apache Kafka's own command line tools by their Java classes."""

import os
import subprocess

from . import toolchain

FOLDER = os.path.join(toolchain.CLIENTS, "kafka-tools")


class ToolError(Exception):
    pass


class KafkaTools:
    version = "4.3.1"

    def __init__(self, bootstrap=None):
        self.bootstrap = bootstrap
        self._java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
        self._java += [f"-Dlog4j2.configurationFile={os.path.join(FOLDER, 'log4j2.properties')}"]
        self._java += ["-cp", toolchain.java_jars("kafka-tools")]

    def run(self, tool, *arguments, stdin=b"", timeout=180):
        """Output of org.apache.kafka.tools.<tool> (or of a class given in full). Its failure is a ToolError."""
        name = tool if tool.startswith(("kafka.", "org.")) else f"org.apache.kafka.tools.{tool}"
        done = subprocess.run([*self._java, name, *arguments], input=stdin, capture_output=True, timeout=timeout)
        if done.returncode:
            text = (done.stdout[-1500:] + done.stderr[-1500:]).decode(errors="replace")
            raise ToolError(f"{tool} {' '.join(arguments)} ended with status {done.returncode}\n{text}")
        return done.stdout

    def ask(self, tool, *arguments, **options):
        """The same with --bootstrap-server, and the output as text."""
        return self.run(tool, "--bootstrap-server", self.bootstrap, *arguments, **options).decode(errors="replace")
