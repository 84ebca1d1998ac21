"""A client that goes away in the middle leaves nothing behind."""

import os
import random

from tests.crash.house import House, table
from tests.support.wait import wait_until

CONTENT = table(120_000)  # 2.3 MB


def test_connections_closed_at_random(house: House) -> None:
    before = house.api.account()
    chance = random.Random(7)
    for _ in range(50):
        with house.slow_upload(CONTENT) as upload:
            upload.send(chance.randrange(upload.size))
    # Until the server has seen all of them go.
    wait_until(lambda: house.connections() == 0, "connections go")
    wait_until(lambda: house.api.account() == before, "reservations go")
    incoming = house.server.settings.blobs / "incoming"
    wait_until(lambda: not os.listdir(incoming), "half-written files go")
    house.check()


def test_a_form_that_breaks_off_after_its_file(house: House) -> None:
    """All bytes of the file came, the closing boundary did not: nothing was delivered."""
    before = house.api.account()
    with house.slow_upload(CONTENT) as upload:
        upload.send(upload.size - 10)
    # Until the server has seen it go; before it saw it come, the account looks the same.
    wait_until(lambda: house.connections() == 0, "the connection goes")
    wait_until(lambda: house.api.account() == before, "the reservation goes")
    house.check()
