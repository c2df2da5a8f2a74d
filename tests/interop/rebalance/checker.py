"""What must be true of every run, as functions of its history that return the violations as text. Pure: no I/O, no clock."""

from dataclasses import dataclass, field

from rebalance.history import History

SHOWN = 5  # violations of one kind that are printed


@dataclass
class Evidence:
    """All that a run left behind."""

    history: History
    acknowledged: dict  # (partition, offset) -> value
    polled: list = field(default_factory=list)  # (asked, answered, {partition: committed offset}) in order of time
    stored: dict = field(default_factory=dict)  # partition -> committed offsets in the order of __consumer_offsets
    one_generation: bool = True  # a generation is one assignment of all members, as in the classic protocol
    instances: dict = field(default_factory=dict)  # worker -> the static member that it is, which others were before it


def violations(evidence, finished=True):
    """Every violation of every invariant, SHOWN of each. What must be true at the end is left out of a run that was cut short."""
    found = []
    for invariant in INVARIANTS + (FINAL_INVARIANTS if finished else []):
        broken = invariant(evidence)
        found += broken[:SHOWN]
        if len(broken) > SHOWN:
            found.append(f"and {len(broken) - SHOWN} more of this kind")
    return found


def every_record_is_processed(evidence):
    return [
        f"record {value} at {partition}/{offset} was acknowledged and never processed"
        for (partition, offset), value in sorted(evidence.acknowledged.items())
        if (partition, offset) not in evidence.history.processed
    ]


def records_are_what_was_sent(evidence):
    processed = evidence.history.processed
    return [
        f"record {value} was acknowledged at {place[0]}/{place[1]}, where {processed[place]} was processed"
        for place, value in sorted(evidence.acknowledged.items())
        if processed.get(place, value) != value
    ]


def only_owners_process(evidence):
    return [
        f"{event.worker} processed {event.fields['p']}/{event.fields['o']} at {event.time:.1f}, which it did not own"
        for event in evidence.history.strays
    ]


def nothing_is_skipped(evidence):
    """Within one ownership offsets have no gap and do not repeat."""
    broken = []
    for ownership in evidence.history.ownerships:
        offsets = [offset for _, offset in ownership.records]
        for before, after in zip(offsets, offsets[1:]):
            if after != before + 1:
                broken.append(f"{ownership}: after offset {before} it processed {after}")
    return broken


def ownerships_begin_at_the_committed_offset(evidence):
    """An answered commit must count, and so must what OffsetFetch had found; a commit that was under way may."""
    broken = []
    for ownership in evidence.history.ownerships:
        if not ownership.records:
            continue
        began, first = ownership.records[0]
        seen = (offsets.get(ownership.partition, 0) for _, at, offsets in evidence.polled if at <= ownership.start)
        least, possible = max(seen, default=0), set()
        for commit in evidence.history.commits:
            offset = commit.offsets.get(ownership.partition)
            if offset is None or commit.outcome == "refused" or commit.sent > began:
                continue
            if commit.outcome == "accepted" and commit.answered <= ownership.start:
                least = max(least, offset)
            else:
                possible.add(offset)
        if first != least and not (first in possible and first > least):
            under_way = sorted(offset for offset in possible if offset > least)
            broken.append(f"{ownership}: it began at offset {first}, committed was {least} (under way: {under_way})")
    return broken


def one_owner_at_a_time(evidence):
    broken = []
    for partition, ownerships in by_partition(evidence.history.ownerships).items():
        ownerships.sort(key=lambda ownership: ownership.start)
        for index, later in enumerate(ownerships):
            for earlier in ownerships[:index]:
                if earlier.worker != later.worker and overlap(earlier, later):
                    broken.append(f"two owners of {partition}: {earlier} and {later}")
    return broken


def overlap(earlier, later):
    return max(earlier.start, later.start) < min(earlier.sure_until, later.sure_until)


def one_owner_in_a_generation(evidence):
    if not evidence.one_generation:
        return []
    broken, owners = [], {}
    for generation, worker, partitions in evidence.history.generations:
        for partition in partitions:
            member = evidence.instances.get(worker, worker)
            owner = owners.setdefault((generation, partition), member)
            if owner != member:
                broken.append(f"generation {generation}: {owner} and {member} were both assigned {partition}")
    return broken


def only_owners_commit(evidence):
    """The coordinator refuses the commit of a member whose partition it has given to another."""
    broken = []
    owned = by_partition(evidence.history.ownerships)
    for commit in evidence.history.commits:
        if commit.outcome != "accepted":
            continue
        for partition in commit.offsets:
            for ownership in owned.get(partition, []):
                if ownership.worker != commit.worker and ownership.start < commit.sent and commit.answered < ownership.sure_until:
                    broken.append(f"{commit.worker}'s commit of {commit.offsets[partition]} at {commit.sent:.1f} was accepted, "
                                  f"while {ownership}")
    return broken


def commits_never_go_back(evidence):
    """Of two accepted commits of a partition of which one was answered before the other was sent, the later is not smaller."""
    broken, greatest = [], {}  # greatest: partition -> commits so far, by their answers
    for commit in sorted((c for c in evidence.history.commits if c.outcome == "accepted"), key=lambda c: c.sent):
        for partition, offset in commit.offsets.items():
            earlier = greatest.setdefault(partition, [])
            for other in earlier[-50:]:
                if other.answered <= commit.sent and other.offsets[partition] > offset:
                    broken.append(f"{commit.worker} committed {partition}/{offset} at {commit.sent:.1f} after {other.worker} had "
                                  f"committed {other.offsets[partition]}")
                    break
            earlier.append(commit)
    return broken


def polled_offsets_never_go_back(evidence):
    broken, highest = [], {}
    for asked, _, offsets in evidence.polled:
        for partition, offset in offsets.items():
            if offset < highest.get(partition, 0):
                broken.append(f"the committed offset of {partition} was {offset} at {asked:.1f}, after {highest[partition]}")
            highest[partition] = max(highest.get(partition, 0), offset)
    return broken


def accepted_commits_are_kept(evidence):
    """Whoever asks after a commit was answered finds it or a later one."""
    broken = []
    accepted = sorted((c for c in evidence.history.commits if c.outcome == "accepted"), key=lambda c: c.answered)
    highest, position = {}, 0
    for asked, _, offsets in evidence.polled:
        while position < len(accepted) and accepted[position].answered <= asked:
            for partition, offset in accepted[position].offsets.items():
                highest[partition] = max(highest.get(partition, 0), offset)
            position += 1
        for partition, wanted in highest.items():
            if offsets.get(partition, 0) < wanted:
                broken.append(f"the committed offset of {partition} was {offsets.get(partition)} at {asked:.1f}, "
                              f"{wanted} had been accepted")
    return broken


def stored_offsets_never_go_back(evidence):
    return [
        f"__consumer_offsets has {after} after {before} for partition {partition}"
        for partition, offsets in sorted(evidence.stored.items())
        for before, after in zip(offsets, offsets[1:])
        if after < before
    ]


def the_group_got_to_the_end(evidence):
    """The last committed offsets are behind the last acknowledged records."""
    ends = {}
    for partition, offset in evidence.acknowledged:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    last = evidence.polled[-1][2] if evidence.polled else {}
    return [
        f"the committed offset of {partition} is {last.get(partition)} at the end, the log ends at {end}"
        for partition, end in sorted(ends.items())
        if last.get(partition) != end
    ]


def by_partition(ownerships):
    found = {}
    for ownership in ownerships:
        found.setdefault(ownership.partition, []).append(ownership)
    return found


INVARIANTS = [
    records_are_what_was_sent,
    only_owners_process,
    nothing_is_skipped,
    ownerships_begin_at_the_committed_offset,
    one_owner_at_a_time,
    one_owner_in_a_generation,
    only_owners_commit,
    commits_never_go_back,
    polled_offsets_never_go_back,
    accepted_commits_are_kept,
    stored_offsets_never_go_back,
]
FINAL_INVARIANTS = [every_record_is_processed, the_group_got_to_the_end]
