#!/usr/bin/python3
"""Runs rows of the interop suite: ./run.py --sluiced PATH ROW... (or `all`); `list` names them, `table` prints results.

Exit status: 0 all passed, 1 a check failed, 77 nothing ran because a toolchain is absent.
"""

import argparse
import os
import signal
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.stdout.reconfigure(line_buffering=True)

from harness import checks, report  # noqa: E402
from harness.broker import open_broker  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.toolchain import Skip  # noqa: E402
from rows import ROWS  # noqa: E402

SKIPPED = 77


class Context:
    """What a row is given: how to open a broker, and what the caller asked for."""

    def __init__(self, options):
        self.sluiced = options.sluiced
        self.full = options.full
        self.only = options.only
        self.brokers = []

    def broker(self, settings=None):
        """An unstarted broker; use it as a context manager."""
        broker = open_broker(self.sluiced, settings)
        self.brokers.append(broker)
        return broker

    def cluster(self, count=3, **options):
        """An unstarted cluster: of sluiced, or of Apache Kafka where SLUICE_INTEROP_CLUSTER=kafka asks for it."""
        kind = os.environ.get("SLUICE_INTEROP_CLUSTER", "sluice")
        if kind == "sluice" and not self.sluiced:
            raise RuntimeError("--sluiced does not name a broker")
        cluster = Cluster(self.sluiced, count, kind=kind, **options)
        self.brokers.append(cluster)
        return cluster

    def selected(self, operations):
        return [name for name in operations if not self.only or name in self.only]


def run_row(row, context, results):
    """True passed, False failed, None skipped."""
    print(f"== {row.name}: {row.summary}")
    report.forget(results, row.name)
    try:
        outcome = row.run(context)
    except Skip as absent:
        print(f"SKIPPED {row.name}: {absent}")
        return None
    except Exception:
        print(f"FAILED {row.name}")
        traceback.print_exc(file=sys.stdout)
        keep_logs(context)
        return False
    outcome.save(results)
    if outcome.failed:
        print(f"FAILED {row.name}: {', '.join(outcome.failed)}")
        keep_logs(context)
        return False
    for broker in context.brokers:
        if broker.owned:
            broker.discard()
    print(f"PASSED {row.name}")
    return True


def keep_logs(context):
    for broker in context.brokers:
        if broker.owned:
            print(f"broker files kept in {broker.home}; the end of its log:\n{broker.log_tail()}")


def write_table(results):
    order = list(ROWS)
    reports = sorted((found for found in report.load(results) if found.row in ROWS), key=lambda r: order.index(r.row))
    text = report.markdown(reports, list(checks.CHECKS))
    with open(os.path.join(results, "table.md"), "w") as file:
        file.write(text)
    return text


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are ended on the way out
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="ROW", help="names of rows, or all, list, table")
    parser.add_argument("--sluiced", default=os.environ.get("SLUICED"), help="the broker to start")
    parser.add_argument("--results", default="interop-results", help="where reports and table.md are kept")
    parser.add_argument("--only", action="append", help="run only this check (repeatable)")
    parser.add_argument(
        "--full",
        action="store_true",
        default=os.environ.get("SLUICE_INTEROP_FULL") == "1",
        help="all of the real input, not a sample (also SLUICE_INTEROP_FULL=1)",
    )
    options = parser.parse_args()
    if options.rows == ["list"]:
        for row in ROWS.values():
            print(f"{row.name:26} {row.summary}")
        return 0
    if options.rows == ["table"]:
        print(write_table(options.results))
        return 0
    unknown = [name for name in options.rows if name not in ROWS and name != "all"]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)} (try: run.py list)")
    names = list(ROWS) if "all" in options.rows else options.rows
    outcomes = {name: run_row(ROWS[name], Context(options), options.results) for name in names}
    if any(outcome is not None for outcome in outcomes.values()):
        table = write_table(options.results)
        if len(names) > 1:
            print(f"\n{table}")
    for outcome, title in ((None, "SKIPPED"), (False, "FAILED")):
        if outcome in outcomes.values():
            print(f"{title} rows: " + ", ".join(name for name, found in outcomes.items() if found is outcome))
    if False in outcomes.values():
        return 1
    return SKIPPED if all(outcome is None for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
