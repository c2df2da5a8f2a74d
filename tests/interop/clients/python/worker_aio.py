"""aiokafka as a worker. The group's work runs beside the processing of records; a lock keeps the two apart."""

import asyncio
import signal

import aiokafka
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from worker import Events, configuration

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
# IllegalStateError: the client knows that the partition is not its own any more.
REFUSED = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class Worker(ConsumerRebalanceListener):
    def __init__(self, config):
        self.events = Events()
        self.topic = config["topic"]
        self.positions = {}  # processed and not committed: partition -> next offset
        self.owned = set()
        self.assignments = 0  # how often the assignment has changed
        self.lock = asyncio.Lock()
        self.ended = asyncio.Event()
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=config["bootstrap"],
            group_id=config["group"],
            group_instance_id=config["instance"],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=config["session_ms"],
            heartbeat_interval_ms=config["heartbeat_ms"],
            max_poll_interval_ms=30000,
            fetch_max_wait_ms=100,
            partition_assignment_strategy=(ASSIGNORS[config["strategy"]],),
        )

    async def on_partitions_assigned(self, assigned):
        added = [place.partition for place in assigned]
        self.owned.update(added)
        # The library has no name for the generation that a user may read.
        self.events.write("assigned", partitions=added, generation=self.consumer._coordinator.generation)

    async def on_partitions_revoked(self, revoked):
        async with self.lock:
            await self.commit()
            self.assignments += 1
            self.owned.clear()
            self.positions.clear()
            self.events.write("revoked", partitions=[place.partition for place in revoked])

    async def commit(self):
        if not self.positions:
            return
        offsets = {TopicPartition(self.topic, partition): offset for partition, offset in self.positions.items()}
        identity = self.events.commit(self.positions)
        try:
            await self.consumer.commit(offsets)
            self.events.committed(identity)
            self.positions = {}
        except REFUSED as error:
            self.events.refused(identity, repr(error), isinstance(error, RebalanceInProgressError))
        except KafkaError as error:
            self.events.unsure(identity, repr(error))

    async def step(self):
        batches = await self.consumer.getmany(timeout_ms=100)
        before = self.assignments
        async with self.lock:
            if self.assignments != before:
                return  # taken away while the lock was waited for
            for records in batches.values():
                for record in records:
                    self.events.record(record.partition, record.offset, record.value)
                    self.positions[record.partition] = record.offset + 1
            await self.commit()

    async def run(self):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ended.set)
        self.events.write("version", version=f"aiokafka {aiokafka.__version__}")
        self.consumer.subscribe([self.topic], listener=self)
        await self.consumer.start()
        while not self.ended.is_set():
            await self.step()
        await self.on_partitions_revoked([TopicPartition(self.topic, partition) for partition in self.owned])
        await self.consumer.stop()


async def main():
    await Worker(configuration()).run()


asyncio.run(main())
