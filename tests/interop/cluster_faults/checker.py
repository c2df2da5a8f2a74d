"""Judges what producers and consumers have seen, after Jepsen's kafka workload. Values are unique, a key is a partition.

| complaint | what it is |
| --- | --- |
| inconsistent offset | an offset shows two values, over acknowledgements and reads |
| duplicate | one value at two offsets, though producers are idempotent |
| lost write | an acknowledged record below the highest offset that was read, that nobody has read |
| unseen | an acknowledged record above all that was read, after healing and a last read of everything |
| reorder | records of one producer in another order than they were sent |
| nonmonotonic read | a consumer that keeps its place goes back |
| skipped | it goes on past an offset that has a record |
| damaged | a value that nobody sent |
| failed | a producer gave a record up, though it had time enough |
"""

from collections import defaultdict


class History:
    """What happened to one topic: fill it with the events of stream.py, then `judge`."""

    def __init__(self):
        self.acknowledged = defaultdict(dict)  # partition -> {value: offset}
        self.reads = defaultdict(list)  # (consumer, partition) -> [(offset, value)] in order
        self.sent = {}  # producer -> records sent
        self.complaints = []
        self.twice = {}  # text of a complaint of a duplicate -> (partition, the offsets of both)

    def producer(self, name, events):
        for event in events:
            if event["event"] == "ack":
                value = f"{name} {event['n']}"
                if value in self.acknowledged[event["p"]]:
                    self.complain("duplicate", f"{value} was acknowledged twice")
                self.acknowledged[event["p"]][value] = event["o"]
            elif event["event"] == "failed":
                self.complain("failed", f"{name} {event['n']} to partition {event['p']}: {event['error']}")
            elif event["event"] == "end":
                self.sent[name] = event["sent"]
                if event["left"]:
                    self.complain("failed", f"{name}: {event['left']} records have no answer in the end")
        if name not in self.sent:
            self.complain("failed", f"producer {name} did not end by itself")

    def consumer(self, name, events):
        for event in events:
            if event["event"] == "read":
                self.reads[name, event["p"]].append((event["o"], event["v"]))
            elif event["event"] == "error":
                self.complain("failed", f"consumer {name}: {event['error']}")

    def complain(self, kind, text):
        self.complaints.append((kind, text))

    def judge(self):
        """All complaints as (kind, text)."""
        partitions = set(self.acknowledged) | {partition for _, partition in self.reads}
        for partition in sorted(partitions):
            self._judge(partition)
        return self.complaints

    def _judge(self, partition):
        reads = {name: found for (name, where), found in self.reads.items() if where == partition}
        known = {}  # offset -> value
        for name, found in reads.items():
            for offset, value in found:
                self._at(partition, known, offset, value, f"{name} has read")
        everybody_read = set(known)
        highest = max(everybody_read, default=-1)
        values = set(known.values())
        for value, offset in self.acknowledged[partition].items():
            if offset < 0:  # a repeated batch that was there already: the answer does not tell where
                if value not in values:
                    self.complain("lost write", f"{value} is nowhere in partition {partition}")
            else:
                self._at(partition, known, offset, value, "acknowledged was")
                if offset not in everybody_read:
                    kind = "lost write" if offset < highest else "unseen"
                    self.complain(kind, f"{value} at {partition}:{offset}; the highest read is {highest}")
        self._judge_values(partition, known)
        for name, found in reads.items():
            self._judge_reads(partition, name, found, known)

    def _at(self, partition, known, offset, value, whose):
        before = known.setdefault(offset, value)
        if before != value:
            self.complain("inconsistent offset", f"{partition}:{offset} was {before}, {whose} {value}")

    def _judge_values(self, partition, known):
        places, last = {}, {}
        for offset in sorted(known):
            value = known[offset]
            name, _, number = value.rpartition(" ")
            if name not in self.sent or not number.isdigit() or int(number) >= self.sent[name]:
                self.complain("damaged", f"{partition}:{offset} is {value}")
                continue
            if value in places:
                text = f"{value} is at {partition}:{places[value]} and {partition}:{offset}"
                self.twice[text] = partition, places[value], offset
                self.complain("duplicate", text)
                continue
            places[value] = offset
            if int(number) < last.get(name, -1):
                self.complain("reorder", f"{value} at {partition}:{offset} comes after {name} {last[name]}")
            last[name] = int(number)

    def _judge_reads(self, partition, name, found, known):
        offsets = sorted(known)
        rank = {offset: index for index, offset in enumerate(offsets)}
        previous = None
        for offset, _ in found:
            if previous is None:
                if rank[offset] > 0:
                    self.complain("skipped", f"{name} begins at {partition}:{offset}, records are at {offsets[0]}")
            elif offset <= previous:
                self.complain("nonmonotonic read", f"{name} goes from {partition}:{previous} back to {offset}")
            elif rank[offset] != rank[previous] + 1:
                skipped = offsets[rank[previous] + 1]
                self.complain("skipped", f"{name} goes from {partition}:{previous} to {offset}, past {known[skipped]} at {skipped}")
            previous = offset
