"""Has Kafka's DumpLogSegments read every log file of a stopped broker, with its checks of indexes."""

import collections
import os
import re

from .kafka_tools import KafkaTools, ToolError

DUMPED = (".log", ".index", ".timeindex", ".snapshot", ".txnindex")
SANE = (".index", ".timeindex")
COMPLAINTS = re.compile(
    r"isvalid: false|Mismatches in|Non-consecutive offsets|invalid bytes at the end|Found timestamp mismatch|"
    r"out of order timestamp|Exception|corrupt|not readable|Failed|WARN|ERROR",
    re.IGNORECASE,
)
FILES_PER_RUN = 200


def log_files(data_dir):
    """All that a partition directory holds for DumpLogSegments, in a fixed order."""
    found = []
    for folder, _, names in os.walk(data_dir):
        if re.search(r"-\d+$", folder):
            found += [os.path.join(folder, name) for name in names if name.endswith(DUMPED)]
    return sorted(found)


def dump(data_dir):
    """(complaints, {kind of file: number read}, {codec: number of valid batches})."""
    tools, files = KafkaTools(), log_files(data_dir)
    complaints, batches = [], collections.Counter()
    for first in range(0, len(files), FILES_PER_RUN):
        some = files[first : first + FILES_PER_RUN]
        found, codecs = _dump_some(tools, some)
        complaints += found + _sanity_check(tools, [path for path in some if path.endswith(SANE)])
        batches += codecs
    kinds = {kind: sum(path.endswith(kind) for path in files) for kind in DUMPED}
    return complaints, {kind: count for kind, count in kinds.items() if count}, batches


def _run(tools, files, *options):
    try:
        return tools.run("DumpLogSegments", "--files", ",".join(files), *options, timeout=600).decode(errors="replace")
    except ToolError as error:
        return f"Exception: {error}"


def _dump_some(tools, files):
    output = _run(tools, files, "--deep-iteration")
    complaints = _complaints(output)
    complaints += [f"{path} was not dumped" for path in files if f"Dumping {path}\n" not in output]
    codecs = re.findall(r"^baseOffset: .*compresscodec: (\w+) .*isvalid: true", output, re.MULTILINE)
    return complaints, collections.Counter(codecs)


def _sanity_check(tools, files):
    if not files:
        return []
    output = _run(tools, files, "--index-sanity-check")
    complaints = _complaints(output)
    # An empty index is in order, and the tool says so in other words.
    passed = set(re.findall(r"^(\S+) (?:passed sanity check|is empty)\.", output, re.MULTILINE))
    missing = [path for path in files if path not in passed]
    return complaints + [f"{path} did not pass the sanity check" for path in missing]


def _complaints(output):
    """Complaining lines, each with the file that they are about and the line after, which often holds the detail."""
    lines, about, found = output.splitlines(), "", []
    for index, line in enumerate(lines):
        if line.startswith("Dumping "):
            about = line.removeprefix("Dumping ")
        elif COMPLAINTS.search(line) and not line.startswith(("baseOffset", "|")) or "isvalid: false" in line:
            found.append(f"{about}: {line} {' '.join(lines[index + 1 : index + 3])}"[:600])
    return found
