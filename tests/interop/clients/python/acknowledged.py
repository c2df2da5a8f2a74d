"""Sends the `number TAB line` lines of a file idempotently with acks=all and prints `number partition offset` for every
one that is acknowledged, at once: acknowledged.py BOOTSTRAP TOPIC FILE. Ends with status 1 if any failed."""

import os
import sys

from confluent_kafka import Producer

bootstrap, topic, path = sys.argv[1:]
producer = Producer(
    {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 300000,
        # Keeps the producer near the broker, so that a kill hits requests of a broker that has acknowledged others.
        "queue.buffering.max.messages": 5000,
        "compression.type": "lz4",
    }
)
failed = 0


def delivered(error, message):
    global failed
    if error:
        failed += 1
        print(f"line {message.key()}: {error}", file=sys.stderr)
    else:
        # One write, so that what a killed process printed ends with a whole line.
        os.write(1, b"%s %d %d\n" % (message.key(), message.partition(), message.offset()))


with open(path, "rb") as lines:
    for line in lines:
        number, _, text = line[:-1].partition(b"\t")
        while True:
            try:
                producer.produce(topic, text, number, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
producer.flush()
sys.exit(1 if failed else 0)
