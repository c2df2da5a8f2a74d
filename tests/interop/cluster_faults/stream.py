#!/usr/bin/python3
"""librdkafka as a worker of the cluster rows: `stream.py produce|consume CONFIG`, until SIGTERM.

CONFIG is JSON: bootstrap, topic, partitions, settings (of the library, added to those here); and for a producer name and
rate (records a second). Events are lines of JSON on stdout, times from the monotonic clock that all processes share:

  {"event": "ready"}
  {"event": "ack", "at", "p", "o", "n"}           record number n was acknowledged at offset o of partition p
  {"event": "failed", "at", "p", "n", "error"}    the library gave record n up
  {"event": "read", "at", "p", "o", "v"}          v is what stands in the value before its filler; the filler was right
  {"event": "error", "at", "error"}               what a consumer was told and no client should be
  {"event": "end", "sent", "left"}                a producer's last words: records never answered for

A producer sends record n to partition n % partitions, with the value that `value_of` makes. A consumer assigns all
partitions to itself, from the beginning, and never leaves its place."""

import json
import signal
import sys
import threading
import time

FILLER = 200
stopping = threading.Event()


def value_of(name, number):
    head = f"{name} {number} "
    return (head + chr(97 + number % 26) * (FILLER - len(head))).encode()


def head_of(value):
    """"NAME NUMBER", or what is wrong with the value."""
    words = value.split(b" ", 2)
    if len(words) == 3 and words[1].isdigit() and value_of(words[0].decode(errors="replace"), int(words[1])) == value:
        return b" ".join(words[:2]).decode()
    return f"damaged: {value[:60]!r}"


def tell(event, **fields):
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **fields}) + "\n")


def produce(config):
    from confluent_kafka import Producer

    producer = Producer({
        "bootstrap.servers": config["bootstrap"],
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 2,
        "message.timeout.ms": 600_000,  # far more than a cluster may need to heal
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
        **config.get("settings", {}),
    })

    def delivered(number):
        def note(error, message):
            if error is None:
                offset = message.offset()  # None from newer versions, where a repeated batch was there already
                tell("ack", p=message.partition(), o=-1 if offset is None else offset, n=number)
            else:
                tell("failed", p=message.partition(), n=number, error=str(error))
        return note

    tell("ready")
    sent, began = 0, time.monotonic()
    while not stopping.is_set():
        due = int((time.monotonic() - began) * config["rate"])
        while sent < due and not stopping.is_set():
            try:
                partition = sent % config["partitions"]
                producer.produce(config["topic"], value_of(config["name"], sent), partition=partition, on_delivery=delivered(sent))
                sent += 1
            except BufferError:
                break
        producer.poll(0.005)
        sys.stdout.flush()
    left = producer.flush(config.get("flush_seconds", 60))
    tell("end", sent=sent, left=left)
    sys.stdout.flush()


def consume(config):
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({
        "bootstrap.servers": config["bootstrap"],
        "group.id": "unused",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # an offset out of range would be a loss
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
        **config.get("settings", {}),
    })
    consumer.assign([TopicPartition(config["topic"], partition, 0) for partition in range(config["partitions"])])
    tell("ready")
    sys.stdout.flush()
    while not stopping.is_set():
        for message in consumer.consume(500, 0.1):
            error = message.error()
            if error is None:
                tell("read", p=message.partition(), o=message.offset(), v=head_of(message.value()))
            elif not error.retriable() and error.code() not in (-195, -187, -185, 3):  # no broker is reachable; unknown yet
                tell("error", error=str(error))
        sys.stdout.flush()
    consumer.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    {"produce": produce, "consume": consume}[sys.argv[1]](json.loads(sys.argv[2]))
