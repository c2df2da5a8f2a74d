"""Real text as input: the lines of all text files under /usr/share/doc, numbered, and where each of them must arrive."""

import gzip
import hashlib
import os
import zlib

SAMPLE_BYTES = 8 << 20
SMALLEST_BYTES = 1 << 20
LINE_LIMIT = 1_000_000  # longer lines would not fit into the default max.message.bytes
PARTITIONS = 6


def text_files(root):
    """Contents of the text files below `root`: regular files without a NUL byte, *.gz unpacked. The order is fixed but
    mixed, so that a sample holds all kinds."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    for path in sorted(paths, key=lambda path: hashlib.md5(path.encode(errors="surrogateescape")).digest()):
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            data = file.read()
        if path.endswith(".gz"):
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error):
                continue
        if b"\0" not in data:
            yield data


def lines(data):
    """What kcat takes as lines: ended by LF alone, so that a CR before it belongs to the line. Empty lines are left out."""
    return [line for line in data.split(b"\n") if line and len(line) < LINE_LIMIT]


def partition_of(key):
    """librdkafka's choice for a key (its `consistent` partitioners)."""
    return zlib.crc32(key) % PARTITIONS


class Bag:
    """A checksum of a multiset of lines: the sum of their hashes."""

    def __init__(self):
        self.total = 0
        self.count = 0

    def add(self, line):
        self.total += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest(), "big")
        self.count += 1

    def __str__(self):
        return f"{self.total & ((1 << 128) - 1):032x}"


class Corpus:
    """`number TAB line` per line: all of them in one file to send, and those of each partition in one file to expect."""

    def __init__(self, folder, full):
        root = os.environ.get("SLUICE_INTEROP_INPUT", "/usr/share/doc")
        self.path = os.path.join(folder, "input")
        self.expected = [os.path.join(folder, f"expected-{partition}") for partition in range(PARTITIONS)]
        self.bag = Bag()
        self.bytes = 0
        self._write(root, None if full else SAMPLE_BYTES)
        if self.bytes < SMALLEST_BYTES:
            raise RuntimeError(f"{root} holds only {self.bytes} bytes of text; name another SLUICE_INTEROP_INPUT")

    @property
    def count(self):
        return self.bag.count

    def _write(self, root, limit):
        outputs = [open(path, "wb") for path in self.expected]
        with open(self.path, "wb") as everything:
            for data in text_files(root):
                for line in lines(data):
                    key = b"%d" % self.bag.count
                    numbered = key + b"\t" + line + b"\n"
                    everything.write(numbered)
                    outputs[partition_of(key)].write(numbered)
                    self.bag.add(line)
                    self.bytes += len(line)
                    if limit and self.bytes >= limit:
                        break
                if limit and self.bytes >= limit:
                    break
        for output in outputs:
            output.close()
