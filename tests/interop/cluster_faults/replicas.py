"""Compares the replicas of a stopped cluster: batches of an offset must be the same bytes everywhere."""

import glob
import os
import struct
import zlib

HEADER = 12  # base offset and the length of what follows
LAST_OFFSET_DELTA, PRODUCER = 23, 43  # where these are in a batch


def batches(directory):
    """[(base offset, checksum of the whole batch)] of a partition's directory."""
    found = []
    for path in sorted(glob.glob(os.path.join(directory, "*.log"))):
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at + HEADER <= len(data):
            base, length = struct.unpack_from(">qi", data, at)
            if length <= 0 or at + HEADER + length > len(data):
                break
            found.append((base, zlib.crc32(data[at : at + HEADER + length])))
            at += HEADER + length
    return found


def producers(directory):
    """{offset: (producer id, producer epoch)} of a partition's directory, whose server may be running."""
    found = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.log"))):
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at + PRODUCER + 10 <= len(data):
            base, length = struct.unpack_from(">qi", data, at)
            if length <= 0:
                break
            (last,) = struct.unpack_from(">i", data, at + LAST_OFFSET_DELTA)
            found.update(dict.fromkeys(range(base, base + last + 1), struct.unpack_from(">qh", data, at + PRODUCER)))
            at += HEADER + length
    return found


def differences(data_dirs, topic, partitions):
    """What differs, as text. Ends may differ where nobody was acknowledged, so a cluster that has healed is asked for."""
    complaints = []
    for partition in range(partitions):
        logs = {where: batches(os.path.join(where, f"{topic}-{partition}")) for where in data_dirs
                if os.path.isdir(os.path.join(where, f"{topic}-{partition}"))}
        (first, wanted), *others = logs.items()
        for where, found in others:
            if found == wanted:
                continue
            at = next((index for index, pair in enumerate(zip(wanted, found)) if pair[0] != pair[1]), min(len(wanted), len(found)))
            complaints.append(
                f"{topic}-{partition}: {len(wanted)} batches in {first}, {len(found)} in {where}; "
                f"they differ from {wanted[at:at + 1]} and {found[at:at + 1]} on"
            )
    return complaints
