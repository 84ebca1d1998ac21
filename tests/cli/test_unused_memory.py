"""Memory that threads have freed goes back to the system, so that a server does not grow."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
from entrepot.cli.process import bound_unused_memory

bound_unused_memory()
MIB = 2**20

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def use_and_free():
    # As a part of an upload to S3 comes: a block that grows, beside small ones that stay.
    for size in (8 * MIB, 12 * MIB, 8 * MIB):
        block = bytearray(size)
        kept.append(bytes(1000))
        del block
        kept.append(bytes(1000))
    together.wait()

kept, together = [], threading.Barrier(9)
before = resident()
threads = [threading.Thread(target=use_and_free) for _ in range(8)]
for each in threads:
    each.start()
together.wait()
print((resident() - before) // MIB)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_large_blocks_of_many_threads_are_given_back() -> None:
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(ended.stdout) < 16, "MiB; 136 of 8 threads by default"
