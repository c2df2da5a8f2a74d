"""aiokafka as a client program."""

import asyncio
import sys
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from program import decode, headers_in, record_out, serve

TIMEOUT = 30


class AioKafka:
    """Every request runs in the one event loop, with clients of its own."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()

    def about(self):
        return {"version": aiokafka.__version__}

    # Admin

    def metadata(self, topic):
        async def ask(admin):
            (found,) = await admin.describe_topics([topic])
            if found["error_code"]:
                raise RuntimeError(f"error code {found['error_code']}")
            brokers = (await admin.describe_cluster())["brokers"]
            return {"brokers": len(brokers), "partitions": sorted(p["partition"] for p in found["partitions"])}

        return self._admin(ask)

    def describe_cluster(self):
        async def ask(admin):
            cluster = await admin.describe_cluster()
            ids = [broker["node_id"] for broker in cluster["brokers"]]
            return {"brokers": ids, "controller": cluster["controller_id"], "cluster_id": cluster["cluster_id"]}

        return self._admin(ask)

    def create_topic(self, topic, partitions, configs):
        async def ask(admin):
            response = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
            self._check(response.topic_errors)

        return self._admin(ask)

    def delete_topic(self, topic):
        async def ask(admin):
            self._check((await admin.delete_topics([topic])).topic_error_codes)

        return self._admin(ask)

    def create_partitions(self, topic, total):
        async def ask(admin):
            self._check((await admin.create_partitions({topic: NewPartitions(total)})).topic_errors)

        return self._admin(ask)

    def describe_configs(self, topic):
        async def ask(admin):
            (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            (resource,) = response.resources
            return {"configs": {entry[0]: entry[1] for entry in resource[4]}}

        return self._admin(ask)

    def alter_configs(self, topic, configs):
        async def ask(admin):
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)
            (response,) = await admin.alter_configs([resource])
            for code, message, *_ in response.resources:
                if code:
                    raise RuntimeError(f"error code {code}: {message}")

        return self._admin(ask)

    def delete_records(self, topic, partition, before):
        async def ask(admin):
            position = TopicPartition(topic, partition)
            return {"low": (await admin.delete_records({position: RecordsToDelete(before)}))[position]}

        return self._admin(ask)

    def list_offsets(self, topic, partition):
        async def ask(consumer):
            position = TopicPartition(topic, partition)
            earliest = (await consumer.beginning_offsets([position]))[position]
            return {"earliest": earliest, "latest": (await consumer.end_offsets([position]))[position]}

        return self._consumer(ask)

    def offset_for_time(self, topic, partition, timestamp):
        async def ask(consumer):
            position = TopicPartition(topic, partition)
            found = (await consumer.offsets_for_times({position: timestamp}))[position]
            return {"offset": found and found.offset}

        return self._consumer(ask)

    # Records

    def produce(self, topic, partition, codec, idempotent, records):
        async def send():
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap,
                acks="all",
                compression_type=None if codec == "none" else codec,
                enable_idempotence=idempotent,
                max_request_size=8 << 20,
                linger_ms=5,
            )
            await producer.start()
            try:
                sent = [
                    await producer.send(
                        topic,
                        decode(record["value"]),
                        decode(record["key"]),
                        partition,
                        record["timestamp"],
                        headers_in(record),
                    )
                    for record in records
                ]
                return {"offsets": [found.offset for found in await asyncio.gather(*sent)]}
            finally:
                await producer.stop()

        return self._run(send())

    def fetch(self, topic, partition, start, count):
        async def ask(consumer):
            position = TopicPartition(topic, partition)
            consumer.assign([position])
            consumer.seek(position, start)
            return {"records": await self._collect(consumer, count)}

        return self._consumer(ask)

    def group_consume(self, topic, group, count):
        async def ask(consumer):
            consumer.subscribe([topic])
            records = await self._collect(consumer, count)
            await consumer.commit()
            return {"records": records}

        return self._consumer(ask, group_id=group, auto_offset_reset="earliest")

    @staticmethod
    async def _collect(consumer, count):
        records, deadline = [], time.monotonic() + TIMEOUT
        while len(records) < count and time.monotonic() < deadline:
            batches = await consumer.getmany(timeout_ms=500, max_records=count - len(records))
            for batch in batches.values():
                records += [record_out(r.offset, r.key, r.value, r.headers, r.timestamp) for r in batch]
        return records

    @staticmethod
    def _check(entries):
        for topic, code, *rest in entries:
            if code:
                raise RuntimeError(f"{topic}: error code {code} {rest}")

    def _admin(self, ask):
        async def session():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                return await ask(admin)
            finally:
                await admin.close()

        return self._run(session())

    def _consumer(self, ask, **extra):
        async def session():
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap,
                enable_auto_commit=False,
                max_partition_fetch_bytes=8 << 20,
                **extra,
            )
            await consumer.start()
            try:
                return await ask(consumer)
            finally:
                await consumer.stop()

        return self._run(session())

    def _run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, 2 * TIMEOUT))


serve(AioKafka(sys.argv[1]))
