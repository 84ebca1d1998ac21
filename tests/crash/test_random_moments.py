"""Killed at any moment under a load of many uploads, an installation loses and leaks nothing."""

import random
import threading
import time

import pytest
from tests.crash.house import House, table
from tests.crash.test_exact_points import LIMIT, SCHEMA
from tests.support.wait import PATIENCE

SENDERS = 4
LONGEST = 2.0
"""Seconds until the kill, at most."""


def load(house: House, chance: random.Random, stop: threading.Event) -> None:
    """Upload one file after another until the server is gone: good, refused and canceled ones."""
    with house.client() as api:
        while not stop.is_set():
            content = table(chance.choice([1, 50, 5_000, 120_000]), f"{chance.random()}")
            kind = chance.choice(["plain", "plain", "inferred", "refused", "canceled"])
            fields = {"inferred": {"enforce_schema": "true"}, "refused": {"enforce_schema": SCHEMA}}
            expected = "failed" if kind == "refused" else "succeeded"
            sent = house.send(content, expected, api, limit=LIMIT, **fields.get(kind, {}))
            if kind == "canceled" and sent.task_id:
                house.cancel(sent, api)
            if sent.task_id is None:
                return


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random(house: House, seed: int) -> None:
    kill_under_load(house, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_killed_at_random_many_times(house: House, seed: int) -> None:
    kill_under_load(house, seed)


def kill_under_load(house: House, seed: int) -> None:
    chance = random.Random(seed)
    stop = threading.Event()
    senders = [
        threading.Thread(target=load, args=(house, random.Random(f"{seed}-{n}"), stop))
        for n in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    time.sleep(chance.uniform(0.05, LONGEST))
    house.kill_tree()
    stop.set()
    for sender in senders:
        sender.join(PATIENCE)
    house.server.start()
    house.check()
