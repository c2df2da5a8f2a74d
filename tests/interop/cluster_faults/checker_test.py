#!/usr/bin/python3
"""A planted violation of each kind is found, and a good history is not complained about."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cluster_faults.checker import History  # noqa: E402


def ack(number, offset, partition=0):
    return {"event": "ack", "at": 0.0, "p": partition, "o": offset, "n": number}


def read(offset, value, partition=0):
    return {"event": "read", "at": 0.0, "p": partition, "o": offset, "v": value}


def end(sent, left=0):
    return {"event": "end", "at": 0.0, "sent": sent, "left": left}


def kinds(produced, *consumed):
    history = History()
    history.producer("a", produced)
    for index, events in enumerate(consumed):
        history.consumer(f"c{index}", events)
    return {kind for kind, _ in history.judge()}


ACKS = [ack(number, number) for number in range(4)]
READS = [read(number, f"a {number}") for number in range(4)]


class CheckerTest(unittest.TestCase):
    def test_good(self):
        self.assertEqual(kinds([*ACKS, end(4)], READS, READS[:2]), set())

    def test_a_record_without_an_answer_may_be_there(self):
        self.assertEqual(kinds([*ACKS[:3], end(4)], READS), set())

    def test_lost_write(self):
        self.assertEqual(kinds([*ACKS, end(4)], [READS[0], READS[1], READS[3]]), {"lost write", "skipped"})

    def test_unseen(self):
        self.assertEqual(kinds([*ACKS, end(4)], READS[:3]), {"unseen"})

    def test_inconsistent_offset(self):
        self.assertIn("inconsistent offset", kinds([*ACKS, end(9)], [*READS[:3], read(3, "a 8")]))
        self.assertIn("inconsistent offset", kinds([end(9)], READS, [*READS[:3], read(3, "a 8")]))

    def test_duplicate(self):
        self.assertEqual(kinds([*ACKS, end(4)], [*READS, read(4, "a 1")]), {"duplicate"})
        self.assertIn("duplicate", kinds([*ACKS, ack(3, 7), end(4)], READS))

    def test_reorder(self):
        swapped = [read(0, "a 1"), read(1, "a 0")]
        self.assertEqual(kinds([ack(1, 0), ack(0, 1), end(2)], swapped), {"reorder"})

    def test_nonmonotonic_read(self):
        self.assertEqual(kinds([*ACKS, end(4)], [*READS[:3], *READS[1:]]), {"nonmonotonic read"})

    def test_skipped(self):
        self.assertEqual(kinds([*ACKS, end(4)], READS, [READS[0], *READS[2:]]), {"skipped"})
        self.assertEqual(kinds([*ACKS, end(4)], READS, READS[1:]), {"skipped"})

    def test_damaged(self):
        self.assertEqual(kinds([*ACKS, end(4)], [*READS, read(4, "damaged: x")]), {"damaged"})
        self.assertEqual(kinds([*ACKS, end(4)], [*READS, read(4, "a 9")]), {"damaged"})

    def test_failed(self):
        failed = {"event": "failed", "at": 0.0, "p": 0, "n": 4, "error": "timed out"}
        self.assertEqual(kinds([*ACKS, failed, end(5)], READS), {"failed"})
        self.assertEqual(kinds([*ACKS, end(5, left=1)], READS), {"failed"})
        self.assertEqual(kinds(ACKS, READS) - {"damaged"}, {"failed"})


if __name__ == "__main__":
    unittest.main()
