"""Scripts of a scenario: what is done to a group, one step after the other.

    join a, leave a (SIGTERM), crash a (SIGKILL), pause a (SIGSTOP), resume a
    settle      wait until the group has taken it in
    unmoved     the same, and no partition may have moved
    bounce      kill -9 of the broker, and a new start"""

import random

# Every way to come and go once. A crash and a pause are noticed after the session timeout.
SMALL = """join a, settle, join b, join c, settle, leave b, settle, join b, settle, bounce, settle,
           crash c, settle, join c, settle, pause a, settle, resume a, settle"""

# A static member may be away for less than the session timeout, and nobody else notices.
STATIC = """join a, join b, join c, settle, leave b, join b, unmoved, crash c, join c, unmoved, bounce, unmoved,
            crash c, settle, join c, settle, pause a, settle, resume a, settle"""

# With the new protocol a member that crashed holds its instance until its session ends; before that another is refused
# (UNRELEASED_INSTANCE_ID), for good by Kafka's own client.
STATIC_CONSUMER = """join a, join b, join c, settle, leave b, join b, unmoved, leave c, bounce, join c, unmoved,
                     crash c, settle, join c, settle, pause a, settle, resume a, settle"""

# Static members that hold their instance until their session ends, whether they leave or crash.
STATIC_HELD = """join a, join b, join c, settle, leave b, settle, join b, settle, bounce, unmoved,
                 crash c, settle, join c, settle, pause a, settle, resume a, settle"""

# For six members, each of another kind.
SIX = """join a, settle, join b, join c, join d, join e, join f, settle, leave a, settle, join a, settle, crash b, pause c,
         settle, join b, resume c, settle, bounce, crash d, pause e, settle, leave f, join d, resume e, settle, join f, settle"""

# a, b, c speak the classic protocol, d, e, f that of KIP-848: the group goes from the one to the other and back.
MIGRATION = """join a, join b, join c, settle, leave a, join d, settle, crash b, join e, settle, pause c, settle, resume c, settle,
               leave c, join f, settle, bounce, settle, leave d, join a, settle, crash e, join b, settle, bounce, settle,
               leave f, settle, join c, settle"""


def steps(script):
    """[(verb, slot or None)]"""
    return [tuple((step.split() + [None])[:2]) for step in script.split(",")]


def seeded(seed, slots, count):
    """A script of `count` changes; the group settles after most of them, and at least one member always runs."""
    rng = random.Random(seed)
    states = {slot: "out" for slot in slots}
    made = []

    def change(verb, slot, state):
        made.append(f"{verb} {slot}")
        states[slot] = state

    change("join", slots[0], "in")
    made.append("settle")
    while len([step for step in made if step != "settle"]) < count:
        running = [slot for slot, state in states.items() if state == "in"]
        slot = rng.choice(slots)
        if states[slot] == "out":
            change("join", slot, "in")
        elif states[slot] == "paused":
            change("resume", slot, "in")
        elif rng.random() < 0.15:
            made.append("bounce")
        elif len(running) > 1:
            verb = rng.choice(["leave", "crash", "pause"])
            change(verb, slot, "paused" if verb == "pause" else "out")
        else:
            continue
        if rng.random() < 0.7:
            made.append("settle")
    made += [f"resume {slot}" for slot, state in states.items() if state == "paused"]
    made.append("settle")
    return ", ".join(made)
