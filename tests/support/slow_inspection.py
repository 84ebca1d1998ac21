"""A small table and a contract that keep an inspection busy until it is ended from outside.

A test that cancels, kills or waits beside an inspection must find it running, however fast the
engine becomes and however long the test itself stands still. The pattern's automaton has some
2^900 states: the engine walks along 900 of them for each character, 60 ms for each row.
"""

import random

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
