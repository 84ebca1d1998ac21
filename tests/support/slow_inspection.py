"""A small table and a contract that keep an inspection busy until it is ended from outside.

A test that cancels, kills or waits beside an inspection must find it running, however fast the
engine becomes and however long the test itself stands still. The pattern's automaton has some
2^900 states: the engine walks along 900 of them for each character, 60 ms for each row.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from tests.support.server import Server
from tests.support.wait import wait_until

FORK_SERVER = "entrepot.inspection.sandbox.forkserver"

SLOW_SCHEMA = {
    "fields": [
        {"name": "a", "constraints": {"pattern": "(a|b)*a(a|b){900}"}},
        {"name": "b", "type": "integer"},
    ]
}


def slow_table(rows: int = 10_000) -> bytes:
    """A CSV of about 1 kB a row, without a line that breaks its structure."""
    chance = random.Random(1)
    cells = ["".join(chance.choices("ab", k=1_000)) for _ in range(20)]
    lines = (f"{cells[n % len(cells)]},{n}\n" for n in range(rows))
    return f"a,b\n{''.join(lines)}".encode()


def inspecting(server: Server) -> list[psutil.Process]:
    """The processes that inspect something now."""
    assert server.process is not None
    family = psutil.Process(server.process.pid).children(recursive=True)
    forked = []
    for each in family:
        try:
            parent = each.parent()
            if (
                parent is not None
                and FORK_SERVER in each.cmdline()
                and FORK_SERVER in parent.cmdline()
            ):
                forked.append(each)
        except psutil.NoSuchProcess:
            pass
    return forked


@contextmanager
def suspended(server: Server, count: int, others: list[psutil.Process]) -> Iterator[None]:
    """Until the block's end the `count` processes that inspect beside the `others` stand still: a
    test that only waits beside them has the processor for itself."""

    def found() -> list[psutil.Process]:
        return [each for each in inspecting(server) if each not in others]

    wait_until(lambda: len(found()) >= count, f"{count} inspections run")
    processes = found()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # it was canceled
                process.resume()
