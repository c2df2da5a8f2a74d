"""librdkafka as a worker, through confluent-kafka."""

import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker import Events, configuration, until_terminated

BATCH_SECONDS = 0.1

# The broker's answers, and what librdkafka says in its place when it knows that it is no member any more.
REBALANCING = {KafkaError.REBALANCE_IN_PROGRESS}
REFUSED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._FENCED,
    *(getattr(KafkaError, name) for name in ("STALE_MEMBER_EPOCH", "FENCED_MEMBER_EPOCH") if hasattr(KafkaError, name)),
    *REBALANCING,
}


class Worker:
    def __init__(self, config):
        self.events = Events()
        self.topic = config["topic"]
        self.incremental = config["strategy"] in ("cooperative-sticky", "consumer")
        self.positions = {}  # processed and not committed: partition -> next offset
        self.owned = set()
        settings = {
            "bootstrap.servers": config["bootstrap"],
            "group.id": config["group"],
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": 500,
            "fetch.wait.max.ms": 100,
            "log_level": 4,
        }
        if config["instance"]:
            settings["group.instance.id"] = config["instance"]
        if config["strategy"] == "consumer":
            settings["group.protocol"] = "consumer"
        else:
            settings["session.timeout.ms"] = config["session_ms"]
            settings["heartbeat.interval.ms"] = config["heartbeat_ms"]
            settings["partition.assignment.strategy"] = config["strategy"]
        self.consumer = Consumer(settings)

    def assigned(self, consumer, partitions):
        added = [place.partition for place in partitions]
        self.events.write("assigned", partitions=added, generation=None)
        self.owned.update(added)
        if self.incremental:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)

    def revoked(self, consumer, partitions):
        self.commit()
        self.give_up("revoked", consumer, partitions)

    def lost(self, consumer, partitions):
        self.give_up("lost", consumer, partitions)

    def give_up(self, kind, consumer, partitions):
        removed = [place.partition for place in partitions]
        self.owned.difference_update(removed)
        self.positions = {partition: offset for partition, offset in self.positions.items() if partition in self.owned}
        # Before the client is told: from then on it joins again, beside this thread, and others may get the partitions.
        self.events.write(kind, partitions=removed)
        if self.incremental:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def commit(self):
        if not self.positions:
            return
        offsets = [TopicPartition(self.topic, partition, offset) for partition, offset in self.positions.items()]
        identity = self.events.commit(self.positions)
        try:
            answered = self.consumer.commit(offsets=offsets, asynchronous=False)
            error = next((place.error for place in answered if place.error), None)
        except KafkaException as failure:
            error = failure.args[0]
        if error is None:
            self.events.committed(identity)
            self.positions = {}
        elif error.code() in REFUSED:
            self.events.refused(identity, error, error.code() in REBALANCING)
        else:
            self.events.unsure(identity, error)

    def process(self, until):
        """One record at a time: a batch could go on with records of a partition that was taken away within it."""
        while time.monotonic() < until:
            message = self.consumer.poll(BATCH_SECONDS)
            if message is None:
                continue
            if message.error():
                self.events.write("note", text=str(message.error()))
                continue
            self.events.record(message.partition(), message.offset(), message.value())
            self.positions[message.partition()] = message.offset() + 1

    def run(self):
        ended = until_terminated()
        self.consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
        self.events.write("version", version=f"librdkafka {confluent_kafka.libversion()[0]}")
        while not ended.is_set():
            self.process(time.monotonic() + BATCH_SECONDS)
            self.commit()
        self.consumer.close()


Worker(configuration()).run()
