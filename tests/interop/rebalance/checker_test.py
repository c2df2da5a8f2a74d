"""The checker on made-up histories: a good one passes, and every planted violation is found by its own invariant."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from rebalance import checker  # noqa: E402
from rebalance.history import Event, History  # noqa: E402


class Story:
    """Writes histories: one partition (0) unless told otherwise, ten milliseconds between events."""

    def __init__(self):
        self.time = 0.0
        self.events = []
        self.commits = 0
        self.acknowledged = {}
        self.polled = []
        self.stored = {}
        self.outages = ()
        self.one_generation = True
        self.instances = {}

    def tell(self, worker, kind, **fields):
        self.time += 10
        self.events.append(Event(self.time, worker, kind, fields))
        return self

    def assigned(self, worker, *partitions, generation=None):
        return self.tell(worker, "assigned", partitions=list(partitions), generation=generation)

    def revoked(self, worker, *partitions):
        return self.tell(worker, "revoked", partitions=list(partitions))

    def lost(self, worker, *partitions):
        return self.tell(worker, "lost", partitions=list(partitions))

    def records(self, worker, first, end, partition=0):
        for offset in range(first, end):
            self.tell(worker, "record", p=partition, o=offset, v=offset)
        return self

    def commit(self, worker, offset, outcome="committed", partition=0, **fields):
        self.commits += 1
        self.tell(worker, "commit", id=self.commits, offsets={str(partition): offset})
        if outcome:
            self.tell(worker, outcome, id=self.commits, **fields)
        return self

    def written(self, end, partition=0):
        self.acknowledged.update({(partition, offset): offset for offset in range(end)})
        return self

    def poll(self, offset, partition=0):
        self.time += 10
        self.polled.append((self.time, self.time + 5, {partition: offset}))
        return self

    def found(self):
        history = History(self.events, self.outages)
        evidence = checker.Evidence(history, self.acknowledged, self.polled, self.stored, self.one_generation, self.instances)
        return checker.violations(evidence)


def handed_over():
    """a processes 0-4 and commits 5; b goes on from there."""
    story = Story().written(10).assigned("a1", 0, generation=1).records("a1", 0, 5).commit("a1", 5).poll(5)
    story.revoked("a1", 0).assigned("b1", 0, generation=2).records("b1", 5, 10).commit("b1", 10).poll(10)
    story.stored = {0: [5, 10]}
    return story


class Good(unittest.TestCase):
    def assert_good(self, story):
        self.assertEqual(story.found(), [])

    def test_a_hand_over_is_good(self):
        self.assert_good(handed_over())

    def test_records_after_a_crash_may_come_twice(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 3).commit("a1", 3).records("a1", 3, 5)
        story.tell("a1", "killed").assigned("b1", 0).records("b1", 3, 6).commit("b1", 6).poll(6)
        self.assert_good(story)

    def test_a_commit_that_died_under_way_may_count_or_not(self):
        for first in (3, 5):
            story = Story().written(6).assigned("a1", 0).records("a1", 0, 3).commit("a1", 3).records("a1", 3, 5)
            story.commit("a1", 5, outcome=None).tell("a1", "killed")
            story.assigned("b1", 0).records("b1", first, 6).commit("b1", 6).poll(6)
            self.assert_good(story)

    def test_a_paused_member_may_process_until_it_learns(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 2).commit("a1", 2).tell("a1", "stopped")
        story.assigned("b1", 0).records("b1", 2, 6).commit("b1", 6).tell("a1", "continued").records("a1", 2, 4)
        story.commit("a1", 4, "refused", error="unknown member").lost("a1", 0).poll(6)
        self.assert_good(story)

    def test_an_evicted_member_that_was_not_paused_may_overlap(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 2).commit("a1", 2).assigned("b1", 0)
        story.records("b1", 2, 6).lost("a1", 0).commit("b1", 6).poll(6)
        self.assert_good(story)

    def test_a_refusal_of_a_broker_that_died_proves_nothing(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 5).commit("a1", 5, "refused", error="rebalance")
        story.outages = ((story.time - 5, story.time + 5),)
        story.lost("a1", 0).assigned("b1", 0).records("b1", 5, 6).commit("b1", 6).poll(6)
        self.assert_good(story)

    def test_members_of_a_new_group_have_generations_of_their_own(self):
        story = handed_over()
        story.one_generation = False
        story.assigned("a1", 0, generation=2)
        story.events.pop()
        self.assert_good(story)


    def test_a_static_member_that_comes_back_has_what_it_had(self):
        story = Story().assigned("a1", 0, generation=1).tell("a1", "killed").assigned("a2", 0, generation=1)
        story.instances = {"a1": "a", "a2": "a"}
        self.assert_good(story)


class Planted(unittest.TestCase):
    def assert_found(self, story, text):
        found = story.found()
        self.assertTrue(any(text in line for line in found), found)

    def test_a_record_that_nobody_processed(self):
        story = handed_over()
        story.written(11)
        self.assert_found(story, "record 10 at 0/10 was acknowledged and never processed")

    def test_a_record_with_another_value(self):
        story = handed_over()
        story.acknowledged[0, 3] = 99
        self.assert_found(story, "record 99 was acknowledged at 0/3, where 3 was processed")

    def test_a_record_skipped_within_an_ownership(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 3).records("a1", 4, 6).commit("a1", 6).poll(6)
        self.assert_found(story, "after offset 2 it processed 4")

    def test_a_record_repeated_within_an_ownership(self):
        story = Story().written(4).assigned("a1", 0).records("a1", 0, 3).records("a1", 2, 4).commit("a1", 4).poll(4)
        self.assert_found(story, "after offset 2 it processed 2")

    def test_an_ownership_that_begins_behind_the_committed_offset(self):
        story = Story().written(8).assigned("a1", 0).records("a1", 0, 5).commit("a1", 5).revoked("a1", 0)
        story.assigned("b1", 0).records("b1", 6, 8).commit("b1", 8).poll(8)
        self.assert_found(story, "it began at offset 6, committed was 5")

    def test_an_ownership_that_begins_before_the_committed_offset(self):
        story = Story().written(8).assigned("a1", 0).records("a1", 0, 5).commit("a1", 5).revoked("a1", 0)
        story.assigned("b1", 0).records("b1", 4, 8).commit("b1", 8).poll(8)
        self.assert_found(story, "it began at offset 4, committed was 5")

    def test_an_ownership_that_begins_before_what_others_had_seen_committed(self):
        story = Story().written(8).assigned("a1", 0).records("a1", 0, 5).commit("a1", 5, "unsure").poll(5).revoked("a1", 0)
        story.assigned("b1", 0).records("b1", 0, 8).commit("b1", 8).poll(8)
        self.assert_found(story, "it began at offset 0, committed was 5")

    def test_a_refused_commit_that_counted(self):
        story = Story().written(8).assigned("a1", 0).records("a1", 0, 5).commit("a1", 5, "refused").lost("a1", 0)
        story.assigned("b1", 0).records("b1", 5, 8).commit("b1", 8).poll(8)
        self.assert_found(story, "it began at offset 5, committed was 0")

    def test_two_owners_at_a_time(self):
        story = Story().written(4).assigned("a1", 0).records("a1", 0, 2).commit("a1", 2).assigned("b1", 0)
        story.records("b1", 2, 4).commit("b1", 4).revoked("a1", 0).poll(4)
        self.assert_found(story, "two owners of 0")

    def test_two_owners_where_the_paused_one_had_not_been_paused_yet(self):
        story = Story().assigned("a1", 0).assigned("b1", 0).tell("a1", "stopped").tell("a1", "continued").lost("a1", 0)
        self.assert_found(story, "two owners of 0")

    def test_two_owners_while_the_evicted_one_still_committed(self):
        story = Story().written(2).assigned("a1", 0).assigned("b1", 0).records("a1", 0, 2).commit("a1", 2).lost("a1", 0).poll(2)
        self.assert_found(story, "two owners of 0")

    def test_two_owners_in_one_generation(self):
        story = Story().assigned("a1", 0, generation=3).revoked("a1", 0).assigned("b1", 0, generation=3)
        self.assert_found(story, "generation 3: a1 and b1 were both assigned 0")

    def test_a_record_of_a_partition_that_was_taken_away(self):
        story = handed_over().records("a1", 5, 6)
        self.assert_found(story, "a1 processed 0/5")

    def test_a_zombie_s_commit_that_was_accepted(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 4).commit("a1", 2).tell("a1", "stopped")
        story.assigned("b1", 0).tell("a1", "continued").commit("a1", 4).lost("a1", 0)
        story.records("b1", 2, 6).commit("b1", 6).poll(6)
        self.assert_found(story, "a1's commit of 4 at")

    def test_a_commit_that_went_back(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 6).commit("a1", 6).commit("a1", 4)
        self.assert_found(story, "a1 committed 0/4 at")

    def test_a_polled_offset_that_went_back(self):
        story = handed_over().poll(9)
        self.assert_found(story, "the committed offset of 0 was 9")

    def test_an_accepted_commit_that_was_forgotten(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 6).commit("a1", 6).poll(0)
        self.assert_found(story, "6 had been accepted")

    def test_a_stored_offset_that_went_back(self):
        story = handed_over()
        story.stored = {0: [5, 10, 7]}
        self.assert_found(story, "__consumer_offsets has 7 after 10 for partition 0")

    def test_a_group_that_did_not_commit_the_end(self):
        story = Story().written(6).assigned("a1", 0).records("a1", 0, 6).commit("a1", 5).poll(5)
        self.assert_found(story, "the committed offset of 0 is 5 at the end, the log ends at 6")


if __name__ == "__main__":
    unittest.main()
