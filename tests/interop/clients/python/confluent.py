"""confluent-kafka (librdkafka) as a client program."""

import sys
import time
from importlib.metadata import version

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from program import decode, headers_in, record_out, serve

TIMEOUT = 30


class Confluent:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def about(self):
        return {"version": f"{version('confluent-kafka')}, librdkafka {confluent_kafka.libversion()[0]}"}

    # Admin

    def metadata(self, topic):
        found = self.admin.list_topics(topic, timeout=TIMEOUT)
        if found.topics[topic].error:
            raise KafkaException(found.topics[topic].error)
        return {"brokers": len(found.brokers), "partitions": sorted(found.topics[topic].partitions)}

    def topics(self):
        """All names. Unlike `metadata`, which names a topic, this cannot create one."""
        return {"topics": sorted(self.admin.list_topics(timeout=TIMEOUT).topics)}

    def describe_cluster(self):
        cluster = self.admin.describe_cluster().result(TIMEOUT)
        ids = [node.id for node in cluster.nodes]
        return {"brokers": ids, "controller": cluster.controller.id, "cluster_id": cluster.cluster_id}

    def create_topic(self, topic, partitions, configs):
        self._all(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def delete_topic(self, topic):
        self._all(self.admin.delete_topics([topic]))

    def create_partitions(self, topic, total):
        self._all(self.admin.create_partitions([NewPartitions(topic, total)]))

    def describe_configs(self, topic):
        (entries,) = self._all(self.admin.describe_configs([ConfigResource("topic", topic)]))
        return {"configs": {name: entry.value for name, entry in entries.items()}}

    def alter_configs(self, topic, configs):
        self._all(self.admin.alter_configs([ConfigResource("topic", topic, set_config=configs)]))

    def incremental_alter_configs(self, topic, set, delete):
        from confluent_kafka.admin import AlterConfigOpType, ConfigEntry

        entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in set.items()]
        entries += [ConfigEntry(k, None, incremental_operation=AlterConfigOpType.DELETE) for k in delete]
        resource = ConfigResource("topic", topic, incremental_configs=entries)
        self._all(self.admin.incremental_alter_configs([resource]))

    def delete_records(self, topic, partition, before):
        (deleted,) = self._all(self.admin.delete_records([TopicPartition(topic, partition, before)]))
        return {"low": deleted.low_watermark}

    def list_offsets(self, topic, partition):
        consumer = self._consumer()
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT)
        finally:
            consumer.close()
        return {"earliest": low, "latest": high}

    def offset_for_time(self, topic, partition, timestamp):
        consumer = self._consumer()
        try:
            (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, timestamp)], timeout=TIMEOUT)
        finally:
            consumer.close()
        return {"offset": None if found.offset < 0 else found.offset}

    # Records

    def produce(self, topic, partition, codec, idempotent, records, batch=10000):
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "compression.type": codec,
                "acks": "all",
                "enable.idempotence": idempotent,
                "message.max.bytes": 8 << 20,
                "queue.buffering.max.messages": 1000000,
                "batch.num.messages": batch,
                "message.timeout.ms": TIMEOUT * 1000,
            }
        )
        offsets, errors = [None] * len(records), []

        def delivered(index):
            def report(error, message):
                if error:
                    errors.append(error)
                else:
                    offsets[index] = message.offset()

            return report

        for index, record in enumerate(records):
            time_of = {} if record["timestamp"] is None else {"timestamp": record["timestamp"]}
            producer.produce(
                topic,
                decode(record["value"]),
                decode(record["key"]),
                partition,
                headers=headers_in(record),
                on_delivery=delivered(index),
                **time_of,
            )
            producer.poll(0)
        producer.flush(TIMEOUT)
        if errors:
            raise KafkaException(errors[0])
        return {"offsets": offsets}

    def fetch(self, topic, partition, start, count):
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(topic, partition, start)])
            return {"records": self._collect(consumer, count)}
        finally:
            consumer.close()

    def group_consume(self, topic, group, count):
        consumer = self._consumer({"group.id": group})
        try:
            consumer.subscribe([topic])
            records = self._collect(consumer, count)
            consumer.commit(asynchronous=False)
            return {"records": records}
        finally:
            consumer.close()

    def _consumer(self, extra=None):
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "unused",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 8 << 20,
                **(extra or {}),
            }
        )

    def _collect(self, consumer, count):
        records, deadline = [], time.monotonic() + TIMEOUT
        while len(records) < count and time.monotonic() < deadline:
            for message in consumer.consume(min(1000, count - len(records)), timeout=0.5):
                if message.error():
                    raise KafkaException(message.error())
                at = message.timestamp()[1]
                found = record_out(message.offset(), message.key(), message.value(), message.headers(), at)
                records.append(found)
        return records

    @staticmethod
    def _all(futures):
        return [future.result(TIMEOUT) for future in futures.values()]


serve(Confluent(sys.argv[1]))
