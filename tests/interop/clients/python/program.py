"""What the Python client programs share: the loop over requests, and records as JSON carries them."""

import base64
import json
import sys
import traceback


def encode(data):
    return None if data is None else base64.b64encode(bytes(data)).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def headers_in(record):
    return [(name, decode(data)) for name, data in record["headers"]]


def record_out(offset, key, value, headers, timestamp):
    return {
        "offset": offset,
        "key": encode(key),
        "value": encode(value),
        "headers": [[name, encode(data)] for name, data in headers or []],
        "timestamp": timestamp,
    }


def serve(program):
    """Answers every request on stdin by the method of `program` that is named as its operation."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        operation = request.pop("op")
        try:
            answer = {"ok": True, **(getattr(program, operation)(**request) or {})}
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} (at {place.name}:{place.lineno})"
            answer = {"ok": False, "error": text}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
