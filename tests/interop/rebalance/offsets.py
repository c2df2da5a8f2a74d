"""The committed offsets of a group as others see them: by OffsetFetch again and again, and in __consumer_offsets."""

import struct
import threading
import time

from rebalance.worker import now_ms

POLL_SECONDS = 0.25
ASK_SECONDS = 5


class OffsetsPoller(threading.Thread):
    """Asks for the committed offsets of all partitions at intervals, from a client that is no member of the group."""

    def __init__(self, bootstrap, group, topic, partitions):
        super().__init__(daemon=True)
        from confluent_kafka import Consumer, TopicPartition

        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0,
                                   "reconnect.backoff.max.ms": 200})
        self._wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._halted = threading.Event()
        self._lock = threading.Lock()
        self.polled = []

    def ask(self):
        """Adds one answer to `polled` and returns it, or None while the broker does not answer."""
        from confluent_kafka import KafkaException

        with self._lock:
            asked = now_ms()
            try:
                answer = self._consumer.committed(self._wanted, timeout=ASK_SECONDS)
            except KafkaException:
                return None
            if any(found.error for found in answer):
                return None
            offsets = {found.partition: found.offset for found in answer if found.offset >= 0}
            self.polled.append((asked, now_ms(), offsets))
            return offsets

    def run(self):
        while not self._halted.wait(POLL_SECONDS):
            self.ask()

    def halt(self):
        self._halted.set()
        self.join(2 * ASK_SECONDS)
        self._consumer.close()


def stored_offsets(bootstrap, group, topic):
    """partition -> the offsets of its commits in the order of the log; a tombstone is left out."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": False,
                         "enable.partition.eof": True, "log_level": 0})
    found = {}
    try:
        shards = consumer.list_topics("__consumer_offsets", timeout=20).topics["__consumer_offsets"].partitions
        consumer.assign([TopicPartition("__consumer_offsets", shard, 0) for shard in shards])
        ended, deadline = set(), time.monotonic() + 60
        while len(ended) < len(shards) and time.monotonic() < deadline:
            for message in consumer.consume(1000, 1.0):
                if message.error() is not None:
                    ended.add(message.partition())
                    continue
                key = offset_commit_key(message.key())
                if key and key[:2] == (group, topic) and message.value() is not None:
                    found.setdefault(key[2], []).append(struct.unpack_from(">hq", message.value())[1])
        if len(ended) < len(shards):
            raise RuntimeError("__consumer_offsets was not read to its end within 60 s")
    finally:
        consumer.close()
    return found


def offset_commit_key(key):
    """(group, topic, partition) of an OffsetCommitKey, versions 0 and 1; None for any other key."""
    if struct.unpack_from(">h", key)[0] > 1:
        return None
    position, names = 2, []
    for _ in range(2):
        (length,) = struct.unpack_from(">h", key, position)
        names.append(key[position + 2 : position + 2 + length].decode())
        position += 2 + length
    return (*names, struct.unpack_from(">i", key, position)[0])
