"""The requests that tell the state of a cluster, as bytes: Metadata, DescribeQuorum, CreateTopics, DeleteTopics. Run as a program it is
a client (see README.md) of these, for clusters in a network namespace that only programs started there reach."""

import json
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import wire  # noqa: E402

CREATE_TOPICS, DELETE_TOPICS, DESCRIBE_QUORUM = 19, 20, 55


class Fields:
    """Reads the fields of an answer in their order."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def _number(self, form):
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def int8(self):
        return self._number(">b")

    def int16(self):
        return self._number(">h")

    def int32(self):
        return self._number(">i")

    def int64(self):
        return self._number(">q")

    def varint(self):
        value = shift = 0
        while True:
            byte = self._number(">B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def skip_tags(self):
        for _ in range(self.varint()):
            self.varint()
            self._bytes(self.varint())

    def _bytes(self, count):
        found = self._data[self._at : self._at + count]
        self._at += count
        return found

    def string(self):
        size = self.int16()
        return None if size < 0 else self._bytes(size).decode()

    def compact_string(self):
        size = self.varint()
        return None if size == 0 else self._bytes(size - 1).decode()

    def array(self, element):
        return [element() for _ in range(self.int32())]

    def compact_array(self, element):
        return [element() for _ in range(self.varint() - 1)]


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def ask(address, api, version, body, timeout):
    with socket.create_connection(wire.split_address(address), timeout=timeout) as sock:
        sock.sendall(wire.request(api, version, body))
        return Fields(wire.read_frame(sock)[4:])


def metadata(address, timeout=2.0):
    """{"brokers": {id: address}, "topics": {topic: {partition: {"leader", "epoch", "replicas", "isr", "error"}}}} as the
    server at `address` knows it. Partitions are text here, as JSON wants it."""
    fields = ask(address, wire.METADATA, 8, struct.pack(">i???", -1, False, False, False), timeout)
    fields.int32()

    def broker():
        found = fields.int32(), f"{fields.string()}:{fields.int32()}"
        fields.string()
        return found

    def partition():
        error, index, leader, epoch = fields.int16(), fields.int32(), fields.int32(), fields.int32()
        replicas, isr, _ = (fields.array(fields.int32) for _ in range(3))
        return str(index), {"leader": leader, "epoch": epoch, "replicas": replicas, "isr": isr, "error": error}

    def topic():
        fields.int16()
        name = fields.string()
        fields.int8()
        partitions = dict(fields.array(partition))
        fields.int32()
        return name, partitions

    brokers = dict(fields.array(broker))
    fields.string()
    fields.int32()
    return {"brokers": {str(node): found for node, found in brokers.items()}, "topics": dict(fields.array(topic))}


def quorum(address, timeout=2.0):
    """{"leader", "epoch", "high_watermark", "voters": {id: log end}, "observers": ...} of the metadata quorum."""
    topic = b"__cluster_metadata"
    # The flexible header's tags, then one topic with partition 0.
    body = b"\0\2" + bytes([len(topic) + 1]) + topic + b"\2" + struct.pack(">i", 0) + b"\0\0\0"
    fields = ask(address, DESCRIBE_QUORUM, 0, body, timeout)
    fields.skip_tags()
    error = fields.int16()
    if error:
        raise RuntimeError(f"DescribeQuorum answered with error {error}")

    def replica():
        found = str(fields.int32()), fields.int64()
        fields.skip_tags()
        return found

    def partition():
        fields.int32()
        error, leader, epoch, high_watermark = fields.int16(), fields.int32(), fields.int32(), fields.int64()
        if error:
            raise RuntimeError(f"DescribeQuorum answered with error {error}")
        voters, observers = dict(fields.compact_array(replica)), dict(fields.compact_array(replica))
        fields.skip_tags()
        return {"leader": leader, "epoch": epoch, "high_watermark": high_watermark, "voters": voters, "observers": observers}

    def topic_of_partitions():
        fields.compact_string()
        found = fields.compact_array(partition)
        fields.skip_tags()
        return found

    ((found,),) = fields.compact_array(topic_of_partitions)
    return found


def create_topics(address, names, partitions, replicas, configs=None, patience=60.0):
    """{topic: error code} of those that were refused."""
    settings = struct.pack(">i", len(configs or {})) + b"".join(string(k) + string(v) for k, v in (configs or {}).items())
    shape = struct.pack(">ihi", partitions, replicas, 0)
    body = struct.pack(">i", len(names)) + b"".join(string(name) + shape + settings for name in names)
    fields = ask(address, CREATE_TOPICS, 4, body + struct.pack(">i?", int(patience * 1000), False), patience)
    fields.int32()

    def topic():
        found = fields.string(), fields.int16()
        fields.string()
        return found

    return {name: error for name, error in fields.array(topic) if error}


def delete_topics(address, names, patience=60.0):
    """{topic: error code} of those that were refused."""
    body = struct.pack(">i", len(names)) + b"".join(string(name) for name in names) + struct.pack(">i", int(patience * 1000))
    fields = ask(address, DELETE_TOPICS, 1, body, patience)
    fields.int32()
    return {name: error for name, error in fields.array(lambda: (fields.string(), fields.int16())) if error}


OPERATIONS = {"metadata": metadata, "quorum": quorum, "create_topics": create_topics, "delete_topics": delete_topics}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": True, "found": OPERATIONS[request.pop("op")](**request)}
        except (OSError, RuntimeError, struct.error) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
