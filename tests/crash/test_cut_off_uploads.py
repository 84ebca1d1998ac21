"""A client that goes away in the middle leaves nothing behind."""

import os
import random

from tests.crash.house import House, table, until

CONTENT = table(120_000)  # 2.3 MB


def test_connections_closed_at_random(house: House) -> None:
    before = house.api.account()
    chance = random.Random(7)
    for _ in range(50):
        with house.slow_upload(CONTENT) as upload:
            upload.send(chance.randrange(upload.size))
    # Until the server has seen all of them go.
    until(lambda: house.connections() == 0, 30, "connections stay")
    until(lambda: house.api.account() == before, 20, "reservations stay")
    assert os.listdir(house.server.settings.blobs / "incoming") == []
    house.check()


def test_a_form_that_breaks_off_after_its_file(house: House) -> None:
    """All bytes of the file came, the closing boundary did not: nothing was delivered."""
    before = house.api.account()
    with house.slow_upload(CONTENT) as upload:
        upload.send(upload.size - 10)
    # Until the server has seen it go; before it saw it come, the account looks the same.
    until(lambda: house.connections() == 0, 30, "the connection stays")
    until(lambda: house.api.account() == before, 20, "the reservation stays")
    house.check()
