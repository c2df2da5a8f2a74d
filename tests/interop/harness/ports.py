"""Free TCP ports on loopback for brokers that a test starts."""

import os
import random
import socket

# Below the range from which the kernel takes the ports of outgoing connections, so that a broker that is killed and
# started again finds its port free.
_DEFAULT_RANGE = "20000-31999"


def free_port():
    """A port nobody listens on, from SLUICE_INTEROP_PORTS ("low-high") or the default range."""
    low, high = map(int, os.environ.get("SLUICE_INTEROP_PORTS", _DEFAULT_RANGE).split("-"))
    for port in random.sample(range(low, high + 1), min(200, high - low + 1)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no free port in {low}-{high}")
