"""Ports of the servers that tests start."""

import os
import random
import socket
from contextlib import suppress

PORTS = (10_000, 32_000)
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_used: set[int] = set()


def free_port() -> int:
    """A port that is free now, is given once, belongs to this worker of the run, and that the
    system gives to nobody.

    A server that is stopped and started again must find its port free: no other worker may take it
    meanwhile, and from the range of ephemeral ports any connection might.
    """
    while True:
        port = random.SystemRandom().randrange(PORTS[0] + WORKER, PORTS[1], WORKERS)
        if port in _used:
            continue
        _used.add(port)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
