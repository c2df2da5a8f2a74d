#!/usr/bin/env python3
"""Writes the python-*.hex files here: record batches as kafka-python 2.0.2 (Debian's python3-kafka) encodes them.

usage: capture_batches.py <directory>
"""
import pathlib
import sys

from kafka.record.default_records import DefaultRecordBatchBuilder

TIME = 1_700_000_000_000
RECORDS = [
    (TIME, b"key", b"value", []),
    (TIME + 5, None, b"no key", []),
    (TIME - 5, b"tombstone", None, []),
    (TIME + 70_000, b"", b"", []),
    (TIME + 1, b"headers", b"x" * 300, [("trace", b"abc"), ("empty", b""), ("null", None)]),
]


def batch(compression_type: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression_type, is_transactional=False, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=1 << 20)
    for offset, (timestamp, key, value, headers) in enumerate(RECORDS):
        builder.append(offset, timestamp, key, value, headers)
    return bytes(builder.build())


directory = pathlib.Path(sys.argv[1])
for name, code in (("none", 0), ("gzip", 1)):
    (directory / f"python-{name}.hex").write_text(batch(code).hex() + "\n")
