"""A group of worker processes on one topic: starting and ending them, and waiting until the group has settled."""

import json
import os
import threading
import time

from harness.checks import Failure
from rebalance.history import ALL
from rebalance.worker import Worker

SETTLE_SECONDS = 45


class WorkerGroup:
    """Members are named by slots ("a", "b"); the second process of slot a is the worker a2."""

    def __init__(self, group, topic, partitions, programs, config, folder):
        """`programs`: slot -> (command, its part of the config). `config`: what all workers share."""
        self.group, self.topic, self.partitions = group, topic, partitions
        self.events = []
        self.versions = set()
        self._programs, self._config, self._folder = programs, config, folder
        self._workers = {}  # slot -> its newest worker
        self._started = {}  # slot -> number of its workers so far
        self._changed = threading.Condition()
        self._owned = {}  # worker -> set of partitions
        self._processed = {}  # (worker, partition) -> time of the last record
        self._settled = {}  # slot -> partitions, when the group had last settled

    def join(self, slot):
        self._started[slot] = self._started.get(slot, 0) + 1
        command, own = self._programs[slot]
        config = {**self._config, "group": self.group, "topic": self.topic, "instance": None, **own}
        name = f"{slot}{self._started[slot]}"
        log = os.path.join(self._folder, f"{self.group}-{name}.log")
        self._workers[slot] = Worker(name, command, config, log, self._on_event)

    def leave(self, slot):
        complaint = self._workers[slot].leave()
        if complaint:
            raise Failure(complaint)

    def crash(self, slot):
        self._workers[slot].kill()

    def pause(self, slot):
        self._workers[slot].stop()

    def resume(self, slot):
        self._workers[slot].resume()

    def instances(self):
        """worker -> group.instance.id, of static members."""
        return {
            f"{slot}{number}": instance
            for slot, (_, own) in self._programs.items()
            if (instance := own.get("instance"))
            for number in range(1, self._started.get(slot, 0) + 1)
        }

    def live(self):
        """slot -> worker, of those that run and are not stopped."""
        return {slot: worker for slot, worker in self._workers.items() if worker.state == "running"}

    def settle(self):
        """Returns the seconds until the live workers owned all partitions, each of them some, and processed all of them."""
        began = time.monotonic()
        deadline = began + SETTLE_SECONDS
        with self._changed:
            while not self._is_settled():
                self._wait(deadline, "settle")
            since = time.monotonic() * 1000
            while not (self._is_settled() and self._is_processing(since)):
                self._wait(deadline, "process all partitions")
            self._settled = {slot: frozenset(self._owned[worker.name]) for slot, worker in self.live().items()}
        return time.monotonic() - began

    def unmoved(self):
        """As settle(), and every slot has what it had before."""
        before = self._settled
        took = self.settle()
        if self._settled != before:
            raise Failure(f"partitions moved although every member came back: {show(before)}, then {show(self._settled)}")
        return took

    def end(self):
        """Kills what still runs, stopped workers included. For after a failure; a good scenario leaves nothing."""
        for worker in self._workers.values():
            if worker.state != "ended":
                worker.kill()

    def save(self, path):
        with self._changed, open(path, "w") as file:
            for event in sorted(self.events, key=lambda event: event.time):
                line = {"t": round(event.time, 3), "worker": event.worker, "e": event.kind, **event.fields}
                file.write(json.dumps(line) + "\n")

    def _is_settled(self):
        held = [self._owned.get(worker.name, set()) for worker in self.live().values()]
        return all(held) and sum(map(len, held)) == self.partitions and len(set().union(*held)) == self.partitions

    def _is_processing(self, since):
        return all(
            self._processed.get((worker.name, partition), 0) > since
            for worker in self.live().values()
            for partition in self._owned[worker.name]
        )

    def _wait(self, deadline, wish):
        ended = [worker.name for worker in self._workers.values() if worker.ended_by_itself()]
        if ended:
            raise Failure(f"{', '.join(ended)} ended without being told to; see the logs in {self._folder}")
        if time.monotonic() > deadline:
            held = {worker.name: sorted(self._owned.get(worker.name, ())) for worker in self.live().values()}
            raise Failure(f"the group did not {wish} within {SETTLE_SECONDS} s; owned: {held}")
        self._changed.wait(0.2)

    def _on_event(self, event):
        with self._changed:
            self.events.append(event)
            owned = self._owned.setdefault(event.worker, set())
            if event.kind == "record":
                self._processed[event.worker, event.fields["p"]] = event.time
                return
            if event.kind == "assigned":
                owned.update(event.fields["partitions"])
            elif event.kind in ("revoked", "lost"):
                owned.difference_update(range(self.partitions) if event.fields["partitions"] == ALL else event.fields["partitions"])
            elif event.kind in ("killed", "exited"):
                owned.clear()
            elif event.kind == "version":
                self.versions.add(event.fields["version"])
            self._changed.notify_all()


def show(settled):
    return {slot: sorted(partitions) for slot, partitions in sorted(settled.items())}
