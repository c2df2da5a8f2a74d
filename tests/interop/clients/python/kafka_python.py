"""kafka-python as a client program, from the 2.0.2 of Debian to the newest."""

import sys
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

from program import decode, headers_in, record_out, serve

TIMEOUT = 30


class KafkaPython:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self._admin = None

    @property
    def admin(self):
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        return self._admin

    def about(self):
        return {"version": kafka.__version__}

    # Admin

    def metadata(self, topic):
        (found,) = self.admin.describe_topics([topic])
        if found["error_code"]:
            raise RuntimeError(f"error code {found['error_code']}")
        partitions = sorted(p.get("partition", p.get("partition_index")) for p in found["partitions"])
        return {"brokers": len(self.admin.describe_cluster()["brokers"]), "partitions": partitions}

    def describe_cluster(self):
        cluster = self.admin.describe_cluster()
        ids = [broker.get("node_id", broker.get("broker_id")) for broker in cluster["brokers"]]
        return {"brokers": ids, "controller": cluster["controller_id"], "cluster_id": cluster["cluster_id"]}

    def create_topic(self, topic, partitions, configs):
        self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    def create_partitions(self, topic, total):
        self.admin.create_partitions({topic: NewPartitions(total)})

    def describe_configs(self, topic):
        all_of_them = {"config_filter": "all"} if kafka.__version__ >= "3" else {}
        found = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], **all_of_them)
        if isinstance(found, dict):  # since 3.0: {type: {name: {key: description}}}
            ((entries,),) = ([*by_name.values()] for by_name in found.values())
            return {"configs": {name: entry["value"] for name, entry in entries.items()}}
        (resource,) = found[0].resources
        return {"configs": {entry[0]: entry[1] for entry in resource[4]}}

    def alter_configs(self, topic, configs):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)
        self._check(self.admin.alter_configs([resource]))

    def incremental_alter_configs(self, topic, set, delete):
        from kafka.admin import AlterConfigOp

        changes = {name: (AlterConfigOp.SET, value) for name, value in set.items()}
        changes.update({name: (AlterConfigOp.DELETE, None) for name in delete})
        self._check(self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=changes)]))

    @staticmethod
    def _check(response):
        """2.0.2 leaves the errors of AlterConfigs to its caller, newer ones raise."""
        for resource in getattr(response, "resources", []):
            if resource[0]:
                raise RuntimeError(f"error code {resource[0]}: {resource[1]}")

    def delete_records(self, topic, partition, before):
        position = TopicPartition(topic, partition)
        return {"low": self.admin.delete_records({position: before})[position]["low_watermark"]}

    def list_offsets(self, topic, partition):
        consumer, position = self._consumer(), TopicPartition(topic, partition)
        try:
            earliest = consumer.beginning_offsets([position])[position]
            return {"earliest": earliest, "latest": consumer.end_offsets([position])[position]}
        finally:
            consumer.close()

    def offset_for_time(self, topic, partition, timestamp):
        consumer, position = self._consumer(), TopicPartition(topic, partition)
        try:
            found = consumer.offsets_for_times({position: timestamp})[position]
        finally:
            consumer.close()
        return {"offset": found and found.offset}

    # Records

    def produce(self, topic, partition, codec, idempotent, records):
        choice = {"enable_idempotence": idempotent} if kafka.__version__ >= "2.1" else {}
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            compression_type=None if codec == "none" else codec,
            max_request_size=8 << 20,
            linger_ms=5,
            **choice,
        )
        try:
            sent = [
                producer.send(
                    topic,
                    decode(record["value"]),
                    decode(record["key"]),
                    headers_in(record),
                    partition,
                    record["timestamp"],
                )
                for record in records
            ]
            return {"offsets": [future.get(TIMEOUT).offset for future in sent]}
        finally:
            producer.close(timeout=5)

    def fetch(self, topic, partition, start, count):
        consumer, position = self._consumer(), TopicPartition(topic, partition)
        try:
            consumer.assign([position])
            consumer.seek(position, start)
            return {"records": self._collect(consumer, count)}
        finally:
            consumer.close()

    def group_consume(self, topic, group, count):
        consumer = self._consumer(group_id=group, auto_offset_reset="earliest")
        try:
            consumer.subscribe([topic])
            records = self._collect(consumer, count)
            consumer.commit()
            return {"records": records}
        finally:
            consumer.close()

    def _consumer(self, **extra):
        return KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            max_partition_fetch_bytes=8 << 20,
            **extra,
        )

    @staticmethod
    def _collect(consumer, count):
        records, deadline = [], time.monotonic() + TIMEOUT
        while len(records) < count and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=500, max_records=count - len(records)).values():
                records += [record_out(r.offset, r.key, r.value, r.headers, r.timestamp) for r in batch]
        return records


serve(KafkaPython(sys.argv[1]))
