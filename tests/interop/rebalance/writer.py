"""A producer that keeps writing numbered records to all partitions of a topic, and knows which were acknowledged."""

import threading
import time


class Writer(threading.Thread):
    def __init__(self, bootstrap, topic, partitions, records_per_second):
        super().__init__(daemon=True)
        from confluent_kafka import Producer

        self.topic, self.partitions, self.rate = topic, partitions, records_per_second
        # A delivery may outlive a broker that is killed and started again.
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.timeout.ms": 120_000,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self._halted = threading.Event()
        self.acknowledged = {}  # (partition, offset) -> number
        self.errors = []
        self.sent = 0

    def run(self):
        began = time.monotonic()
        while not self._halted.is_set():
            due = int((time.monotonic() - began) * self.rate)
            while self.sent < due:
                self._send(self.sent)
                self.sent += 1
            self._producer.poll(0.01)
        self._producer.flush(120)

    def _send(self, number):
        partition = number % self.partitions
        self._producer.produce(
            self.topic,
            key=b"%d" % partition,
            value=b"%d" % number,
            partition=partition,
            on_delivery=lambda error, message: self._delivered(number, error, message),
        )

    def _delivered(self, number, error, message):
        if error is not None:
            self.errors.append(f"record {number}: {error}")
        else:
            self.acknowledged[message.partition(), message.offset()] = number

    def halt(self):
        """Returns when every record has been acknowledged or given up."""
        self._halted.set()
        self.join(150)
