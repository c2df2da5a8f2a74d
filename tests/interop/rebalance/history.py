"""What happened in one run: events of the workers and of the scenario on one clock, and the ownerships they make up.

Times are milliseconds of CLOCK_MONOTONIC, taken by the worker itself: at the beginning of its assigned callback, and in its
revoked callback once it has committed and before it lets the client go on. A worker is one process, so a member that is started again is another worker."""

from dataclasses import dataclass, field

ALL = "all"


@dataclass
class Event:
    """What a worker wrote (worker.py), or stopped, continued, killed, exited, which the scenario adds."""

    time: float
    worker: str
    kind: str
    fields: dict = field(default_factory=dict)


@dataclass
class Commit:
    """An attempt to commit. `outcome` is accepted, refused (the broker said no) or unsure (nobody answered)."""

    worker: str
    sent: float
    answered: float
    offsets: dict
    outcome: str
    rebalancing: bool = False  # refused only because the group was about to change
    error: str = ""


@dataclass
class Ownership:
    """One worker had one partition in [start, end]; `sure_until` is how long the coordinator must have thought so too."""

    worker: str
    partition: int
    start: float
    end: float = float("inf")
    sure_until: float = float("inf")
    ended_by: str = ""
    records: list = field(default_factory=list)  # (time, offset)

    def __str__(self):
        return f"{self.worker} had {self.partition} from {self.start:.1f} until {self.end:.1f} ({self.ended_by or 'the end'})"


class History:
    """Events in order of time, with their ownerships, commits and assignments by generation."""

    def __init__(self, events, outages=()):
        """`outages`: (begin, end) of times at which the broker was down."""
        self.events = sorted(events, key=lambda event: event.time)
        self.ownerships = []
        self.commits = []
        self.generations = []  # (generation, worker, partitions) after each assigned event that names a generation
        self.strays = []  # records processed by a worker that did not have their partition
        self.processed = {}  # (partition, offset) -> value
        self._outages = outages
        self._open = {}  # worker -> {partition: Ownership}
        self._sent = {}  # (worker, id) -> Commit
        handlers = {
            "assigned": self._assigned,
            "revoked": lambda event: self._close(event, event.fields["partitions"]),
            "lost": lambda event: self._close(event, event.fields["partitions"]),
            "killed": lambda event: self._close(event, ALL),
            "exited": lambda event: self._close(event, ALL),
            "stopped": self._stopped,
            "record": self._record,
            "commit": self._commit,
            "committed": lambda event: self._outcome(event, "accepted"),
            "refused": lambda event: self._outcome(event, "refused"),
            "unsure": lambda event: self._outcome(event, "unsure"),
        }
        for event in self.events:
            handlers.get(event.kind, lambda _: None)(event)
        for commit in self._sent.values():  # their worker died before it heard
            commit.outcome = "unsure"
            self.commits.append(commit)
        self.commits.sort(key=lambda commit: commit.sent)
        self._limit_certainty()

    def _assigned(self, event):
        owned = self._open.setdefault(event.worker, {})
        for partition in event.fields["partitions"]:
            if partition not in owned:
                owned[partition] = Ownership(event.worker, partition, event.time)
                self.ownerships.append(owned[partition])
        generation = event.fields.get("generation")
        if generation is not None:
            self.generations.append((generation, event.worker, frozenset(owned)))

    def _close(self, event, partitions):
        owned = self._open.setdefault(event.worker, {})
        for partition in list(owned) if partitions == ALL else partitions:
            ownership = owned.pop(partition, None)
            if ownership:
                ownership.end = event.time
                ownership.sure_until = min(ownership.sure_until, event.time)
                ownership.ended_by = event.kind

    def _stopped(self, event):
        for ownership in self._open.setdefault(event.worker, {}).values():
            ownership.sure_until = min(ownership.sure_until, event.time)

    def _record(self, event):
        partition, offset = event.fields["p"], event.fields["o"]
        self.processed.setdefault((partition, offset), event.fields["v"])
        ownership = self._open.setdefault(event.worker, {}).get(partition)
        if ownership is None:
            self.strays.append(event)
        else:
            ownership.records.append((event.time, offset))

    def _commit(self, event):
        offsets = {int(partition): offset for partition, offset in event.fields["offsets"].items()}
        self._sent[event.worker, event.fields["id"]] = Commit(event.worker, event.time, float("inf"), offsets, "")

    def _outcome(self, event, outcome):
        commit = self._sent.pop((event.worker, event.fields["id"]))
        commit.answered = event.time
        commit.outcome = outcome
        commit.error = event.fields.get("error", "")
        commit.rebalancing = event.fields.get("rebalancing", False)
        # A broker that died may have accepted what its successor refuses when the client sends it again.
        if outcome == "refused" and any(commit.sent < end and commit.answered > begin for begin, end in self._outages):
            commit.outcome = "unsure"
        self.commits.append(commit)

    def _limit_certainty(self):
        """A member that was evicted without a pause does not know when. Its last accepted commit is the last proof."""
        by_worker = {}
        for commit in self.commits:
            by_worker.setdefault(commit.worker, []).append(commit)
        for ownership in self.ownerships:
            within = [c for c in by_worker.get(ownership.worker, []) if ownership.start <= c.sent <= ownership.end]
            told = [c.sent for c in within if c.outcome == "refused" and not c.rebalancing]
            if ownership.ended_by == "lost":
                told.append(ownership.end)
            if told and min(told) <= ownership.sure_until:
                proof = max((c.sent for c in within if c.outcome == "accepted"), default=ownership.start)
                ownership.sure_until = min(ownership.sure_until, proof)
