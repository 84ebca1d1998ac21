"""Killed at any moment under a load of many uploads, an installation loses and leaks nothing."""

import random
import threading
import time

import pytest
from tests.crash.installation import Installation, table
from tests.crash.test_exact_points import LIMIT, SCHEMA
from tests.support.wait import PATIENCE

SENDERS = 4
LONGEST, LONGEST_OF_FEW = 2.0, 0.5
"""Seconds until the kill, at most; of a run that is not `--long`, since all that was accepted until
then is inspected after it."""


def load(installation: Installation, chance: random.Random, stop: threading.Event) -> None:
    """Upload one file after another until the server is gone: good, rejected and canceled ones."""
    with installation.client() as api:
        while not stop.is_set():
            content = table(chance.choice([1, 50, 5_000, 120_000]), f"{chance.random()}")
            kind = chance.choice(["plain", "plain", "inferred", "rejected", "canceled"])
            fields = {
                "inferred": {"enforce_schema": "true"},
                "rejected": {"enforce_schema": SCHEMA},
            }
            expected = "failed" if kind == "rejected" else "succeeded"
            sent = installation.send(content, expected, api, limit=LIMIT, **fields.get(kind, {}))
            if kind == "canceled" and sent.task_id:
                installation.cancel(sent, api)
            if sent.task_id is None:
                return


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random(installation: Installation, seed: int) -> None:
    kill_under_load(installation, seed, LONGEST_OF_FEW)


@pytest.mark.long
@pytest.mark.parametrize("stores", ["disk", "s3"])
@pytest.mark.parametrize("seed", [2, 3, *range(100, 300)])
def test_killed_at_random_many_times(installation: Installation, seed: int) -> None:
    kill_under_load(installation, seed, LONGEST)


def kill_under_load(installation: Installation, seed: int, longest: float) -> None:
    chance = random.Random(seed)
    stop = threading.Event()
    senders = [
        threading.Thread(target=load, args=(installation, random.Random(f"{seed}-{n}"), stop))
        for n in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    time.sleep(chance.uniform(0.05, longest))
    installation.kill_tree()
    stop.set()
    for sender in senders:
        sender.join(PATIENCE)
    installation.server.start()
    installation.check()
