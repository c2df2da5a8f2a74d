#!/usr/bin/python3
"""Has Kafka's DumpLogSegments judge the data directory of a stopped broker: ./dump_log.py DIRECTORY. Status 1 if it complains."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import log_dump  # noqa: E402
from harness.toolchain import Skip  # noqa: E402

if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    try:
        complaints, files, batches = log_dump.dump(sys.argv[1])
    except Skip as absent:
        print(f"SKIPPED: {absent}")
        sys.exit(77)
    print(f"read {files}, batches by codec {dict(batches)}")
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)
