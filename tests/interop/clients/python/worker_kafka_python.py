"""kafka-python as a worker."""

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from worker import Events, configuration, until_terminated

BATCH_MS = 100
ASSIGNORS = {"range": RangePartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}
REFUSED = (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class Worker(ConsumerRebalanceListener):
    def __init__(self, config):
        self.events = Events()
        self.topic = config["topic"]
        self.positions = {}  # processed and not committed: partition -> next offset
        self.owned = set()
        self.consumer = KafkaConsumer(
            bootstrap_servers=config["bootstrap"],
            group_id=config["group"],
            group_instance_id=config["instance"],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=config["session_ms"],
            heartbeat_interval_ms=config["heartbeat_ms"],
            max_poll_interval_ms=30000,
            reconnect_backoff_max_ms=500,
            fetch_max_wait_ms=100,
            partition_assignment_strategy=(ASSIGNORS[config["strategy"]],),
        )
        self.consumer.subscribe([self.topic], listener=self)

    def on_partitions_assigned(self, assigned):
        added = [place.partition for place in assigned]
        self.owned.update(added)
        self.events.write("assigned", partitions=added, generation=self.consumer.group_metadata().generation_id)

    # Called within poll(), where the library cannot wait for a commit; everything was committed before it.
    def on_partitions_revoked(self, revoked):
        self.give_up("revoked", [place.partition for place in revoked])

    def on_partitions_lost(self, lost):
        self.give_up("lost", [place.partition for place in lost])

    def give_up(self, kind, removed):
        self.owned.difference_update(removed)
        self.positions = {partition: offset for partition, offset in self.positions.items() if partition in self.owned}
        self.events.write(kind, partitions=removed)

    def commit(self):
        if not self.positions:
            return
        offsets = {
            TopicPartition(self.topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in self.positions.items()
        }
        identity = self.events.commit(self.positions)
        try:
            self.consumer.commit(offsets)
            self.events.committed(identity)
            self.positions = {}
        except REFUSED as error:
            self.events.refused(identity, repr(error), isinstance(error, RebalanceInProgressError))
        except KafkaError as error:
            self.events.unsure(identity, repr(error))

    def run(self):
        ended = until_terminated()
        self.events.write("version", version=f"kafka-python {kafka.__version__}")
        while not ended.is_set():
            for records in self.consumer.poll(timeout_ms=BATCH_MS, max_records=100).values():
                for record in records:
                    self.events.record(record.partition, record.offset, record.value)
                    self.positions[record.partition] = record.offset + 1
            self.commit()
        self.on_partitions_revoked([TopicPartition(self.topic, partition) for partition in self.owned])
        self.consumer.close(autocommit=False)


Worker(configuration()).run()
