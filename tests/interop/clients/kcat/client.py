"""kcat as a client program: every request is one run of kcat."""

import itertools
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from program import decode, encode, serve  # noqa: E402

TIMEOUT = 60
# Neither occurs in what the checks send through kcat.
KEY_END, RECORD_END = b"\x1f", b"\x1e"
LIMITS = ["-X", "message.max.bytes=8388608", "-X", "fetch.message.max.bytes=8388608"]


class Kcat:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def _run(self, *arguments, stdin=b""):
        command = ["kcat", "-b", self.bootstrap, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT)
        if done.returncode:
            raise RuntimeError(f"kcat ended with status {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def about(self):
        text = subprocess.run(["kcat", "-V"], capture_output=True, text=True).stdout
        return {"version": "{}, librdkafka {}".format(*re.search(r"Version (\S+) .*librdkafka (\S+)", text).groups())}

    def metadata(self, topic):
        found = json.loads(self._run("-L", "-J", "-t", topic))
        (entry,) = found["topics"]
        if "error" in entry:
            raise RuntimeError(entry["error"])
        partitions = sorted(partition["partition"] for partition in entry["partitions"])
        return {"brokers": len(found["brokers"]), "partitions": partitions}

    def list_offsets(self, topic, partition):
        return {
            "earliest": self.offset_for_time(topic, partition, -2)["offset"],
            "latest": self.offset_for_time(topic, partition, -1)["offset"],
        }

    def offset_for_time(self, topic, partition, timestamp):
        text = self._run("-Q", "-t", f"{topic}:{partition}:{timestamp}").decode()
        offset = int(re.search(r"offset (-?\d+)", text).group(1))
        return {"offset": None if offset < 0 else offset}

    def produce(self, topic, partition, codec, idempotent, records):
        """kcat gives one set of headers to all records of a run, so runs of equal headers are sent one after another."""
        for headers, group in itertools.groupby(records, lambda record: record["headers"]):
            lines = [
                (decode(r["key"]) or b"") + KEY_END + (decode(r["value"]) or b"") + RECORD_END for r in group
            ]
            options = ["-P", "-t", topic, "-p", str(partition), "-z", codec, "-Z", "-X", "acks=all", *LIMITS]
            options += ["-X", f"enable.idempotence={str(idempotent).lower()}", "-X", "message.timeout.ms=30000"]
            options += ["-K", KEY_END.decode(), "-D", RECORD_END.decode()]
            for name, value in headers:
                options += ["-H", f"{name}={decode(value).decode()}"]
            self._run(*options, stdin=b"".join(lines))
        return {"offsets": None}

    def fetch(self, topic, partition, start, count):
        options = ["-t", topic, "-p", str(partition), "-o", str(start), "-c", str(count), "-e", "-q", *LIMITS]
        return {"records": parse(self._run("-C", *options, "-f", FORMAT))}

    def group_consume(self, topic, group, count):
        options = ["-c", str(count), "-q", "-X", "auto.offset.reset=earliest", *LIMITS, "-f", FORMAT]
        return {"records": parse(self._run("-G", group, *options, topic))}


FORMAT = "%o %T %K %S %h\\n%k%s\\n"


def parse(output):
    """Records of FORMAT. Lengths come before the bytes, -1 for null, so that any bytes may be in a key or a value."""
    records, at = [], 0
    while at < len(output):
        end = output.index(b"\n", at)
        offset, timestamp, key_size, value_size, headers = output[at:end].decode().split(" ", 4)
        at = end + 1
        key = output[at : at + int(key_size)] if int(key_size) >= 0 else None
        at += max(0, int(key_size))
        value = output[at : at + int(value_size)] if int(value_size) >= 0 else None
        at += max(0, int(value_size)) + 1
        pairs = [pair.split("=", 1) for pair in headers.split(",") if pair]
        records.append(
            {
                "offset": int(offset),
                "timestamp": int(timestamp),
                "key": encode(key),
                "value": encode(value),
                "headers": [[name, encode(text.encode())] for name, text in pairs],
            }
        )
    return records


serve(Kcat(sys.argv[1]))
