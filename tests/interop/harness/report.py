"""Results of rows: kept as one JSON file per row, printed as markdown tables."""

import contextlib
import glob
import json
import os
import time
import traceback

PASS, FAIL, LACKS, NEEDS_GROUPS = "pass", "FAIL", "lacks", "needs groups"


class Report:
    """What one row found out. A check is one operation; `facts` are lines worth keeping, such as checksums."""

    def __init__(self, row, kind):
        self.row = row
        self.kind = kind
        self.version = ""
        self.checks = {}
        self.facts = []

    def check(self, name, action):
        """Runs `action` as the check `name`; whatever it raises is the failure."""
        started = time.monotonic()
        try:
            action()
            self.note(name, PASS, seconds=time.monotonic() - started)
        except Exception as error:
            text = str(error) if str(error) else traceback.format_exc(limit=-2)
            self.note(name, FAIL, f"{type(error).__name__}: {text}", time.monotonic() - started)

    def note(self, name, result, detail="", seconds=0.0):
        self.checks[name] = {"result": result, "detail": detail, "seconds": round(seconds, 2)}
        if result == PASS:
            print(f"  {name}: pass ({seconds:.1f} s)", flush=True)
        else:
            print(f"  {name}: {result}: " + detail.replace("\n", "\n    "), flush=True)

    def fact(self, text):
        self.facts.append(text)
        print(f"    {text}", flush=True)

    @property
    def failed(self):
        return [name for name, check in self.checks.items() if check["result"] == FAIL]

    def save(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{self.row}.json"), "w") as file:
            json.dump(self.__dict__, file, indent=1)


def forget(folder, row):
    """Removes an earlier result, so that a row that does not get to its end leaves none."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, f"{row}.json"))


def load(folder):
    reports = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path) as file:
            report = Report("", "")
            report.__dict__.update(json.load(file))
            reports.append(report)
    return reports


def markdown(reports, order):
    """One table of clients by operations, and one list for each other row. `order` is the order of the operations."""
    clients = [report for report in reports if report.kind == "client"]
    parts = [client_table(clients, order)] if clients else []
    parts += [row_table(report) for report in reports if report.kind != "client"]
    return "\n\n".join(parts) + "\n"


def client_table(clients, order):
    """Operations are the rows of the table and clients its columns, with a footnote for every check that did not run."""
    notes = []

    def cell(report, operation):
        check = report.checks.get(operation)
        if check is None:
            return ""
        if check["result"] in (PASS, FAIL):
            return check["result"]
        text = check["detail"]
        if text not in notes:
            notes.append(text)
        return f"[{notes.index(text) + 1}]"

    lines = ["| operation | " + " | ".join(f"{r.row} {r.version}" for r in clients) + " |"]
    lines.append("| --- |" + " --- |" * len(clients))
    for operation in order:
        lines.append(f"| {operation} | " + " | ".join(cell(report, operation) for report in clients) + " |")
    lines.append("")
    lines += [f"[{index + 1}] {text}  " for index, text in enumerate(notes)]
    return "\n".join(lines).rstrip()


def row_table(report):
    lines = [f"| {report.row} {report.version} | result |", "| --- | --- |"]
    for name, check in report.checks.items():
        detail = f": {check['detail']}" if check["result"] not in (PASS, FAIL) else ""
        lines.append(f"| {name} | {check['result']}{detail} |")
    lines += [""] + [f"- {fact}" for fact in report.facts]
    return "\n".join(lines).rstrip()
