#!/usr/bin/env python3
"""Checks every #include of ours against the layers below. Think hard before changing the table: an arrow added is easy,
an arrow removed is not.

    check_layers.py [ROOT...]     prints what is forbidden as file:line, and exits 1 if anything is; a ROOT is the
                                  checkout (the default) or a directory of generated sources
"""

import re
import sys
from pathlib import Path

# A place, folder or file, may include itself and what stands here, files or all below a folder. The longest place that
# holds a file counts.
MAY_INCLUDE = {
    "protocol": ("protocol/base", "protocol/wire"),  # error codes and API keys
    "protocol/base": (),
    "protocol/record": ("protocol/base",),
    "protocol/wire": ("protocol/base", "protocol/api_key.hpp", "protocol/error_code.hpp"),
    # The headers of requests and responses are messages themselves: above the messages, though a part of the wire.
    "protocol/wire/header.hpp": ("protocol",),
    "protocol/wire/header.cpp": ("protocol",),
    "protocol/messages": ("protocol/base", "protocol/wire", "protocol/api_key.hpp", "protocol/error_code.hpp"),
    "protocol/peer": ("protocol/base", "protocol/wire", "protocol/api_key.hpp"),
    "storage": ("protocol/base", "protocol/record"),
    "client": ("protocol",),
    "broker": ("storage", "protocol"),
    "tools": ("client", "storage", "protocol"),
    "examples": ("storage/wal", "protocol/base"),
    "tests": ("tools", "client", "broker", "storage", "protocol"),
}

# The broker's deciders. Beside them lie their drivers, *_driver.*, which do the I/O and are held to the broker's row.
CORES = ("broker/controller", "broker/group", "broker/raft", "broker/txn")
CORE_MAY_INCLUDE = CORES + ("broker/config", "protocol")

# No clock, thread or socket decides anything: headers that cores, protocol and storage do without.
NETWORK = r"boost/(asio|beast)[/.].*|sys/socket\.h|netinet/.*|sys/epoll\.h"
THREADS = r"thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h"
FORBIDDEN_HEADERS = {
    "protocol": NETWORK + "|" + THREADS,
    "storage": NETWORK + r"|google/protobuf/.*|spdlog/.*",
    "core": NETWORK + "|" + THREADS,
}

# What one file of a core may include all the same.
EXCEPTIONS = {
    ("broker/controller/metadata_image.cpp", "mutex"),  # std::call_once: readers share the image, the first makes an index
}

TOP_FOLDERS = ("protocol", "storage", "client", "broker", "tools", "examples", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def inside(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


def is_core(path):
    return inside(path, CORES) and not Path(path).stem.endswith("_driver")


def layer_of(path):
    return max((folder for folder in MAY_INCLUDE if inside(path, (folder,))), key=len)


def refusal(path, ours, header):
    """Why the file `path` may not include "ours" or <header>; None when it may."""
    layer = layer_of(path)
    if ours is not None:
        if not inside(ours, TOP_FOLDERS):
            return "is not a path from the root"
        if is_core(path):
            return None if inside(ours, CORE_MAY_INCLUDE) else "is not for a pure core; its driver may"
        if inside(path, ("tools",)) and ours.endswith(".pb.h"):
            return None  # the broker's own records, for printing
        if layer == layer_of(ours) or inside(ours, MAY_INCLUDE[layer]):
            return None
        return f"is not for {layer}, which may include: {', '.join(MAY_INCLUDE[layer]) or 'nothing of ours'}"
    if (path, header) in EXCEPTIONS:
        return None
    kind = "core" if is_core(path) else layer.split("/")[0]
    if re.fullmatch(FORBIDDEN_HEADERS.get(kind, "(?!)"), header):
        return f"is not for {'a pure core; its driver may' if kind == 'core' else kind}"
    return None


def check_file(root, file):
    path = file.relative_to(root).as_posix()
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        why = found and refusal(path, *found.groups())
        if why:
            yield f"{path}:{number}: {found.group(1) or found.group(2)} {why}"


def check(root):
    files = sorted(file for folder in TOP_FOLDERS for file in (root / folder).rglob("*.[hc]pp"))
    problems = [problem for file in files for problem in check_file(root, file)]
    return len(files), problems


def main(arguments):
    status = 0
    for root in arguments or [Path(__file__).parents[2]]:
        count, problems = check(Path(root).resolve())
        if count == 0:
            sys.exit(f"no sources below {root}")
        print(*problems, f"{root}: {count} files, {len(problems)} forbidden includes", sep="\n")
        status |= bool(problems)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
