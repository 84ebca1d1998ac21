"""A client that goes away in the middle leaves nothing behind."""

import os
import random

from tests.crash.installation import Installation, table
from tests.support.wait import wait_until

CONTENT = table(120_000)  # 2.3 MB


def test_connections_closed_at_random(installation: Installation) -> None:
    before = installation.api.account()
    chance = random.Random(7)
    for _ in range(50):
        with installation.slow_upload(CONTENT) as upload:
            upload.send(chance.randrange(upload.size))
    # Until the server has seen all of them go.
    wait_until(lambda: installation.connections() == 0, "connections go")
    wait_until(lambda: installation.api.account() == before, "reservations go")
    incoming = installation.server.settings.blobs / "incoming"
    wait_until(lambda: not os.listdir(incoming), "half-written files go")
    installation.check()


def test_a_form_that_breaks_off_after_its_file(installation: Installation) -> None:
    """All bytes of the file came, the closing boundary did not: nothing was delivered."""
    # The server may not have seen all connections of the other test come.
    wait_until(lambda: installation.api.account()["reserved"] == 0, "no other upload is left")
    before = installation.api.account()
    with installation.slow_upload(CONTENT) as upload:
        upload.send(upload.size - 10)
    # Until the server has seen it go; before it saw it come, the account looks the same.
    wait_until(lambda: installation.connections() == 0, "the connection goes")
    wait_until(lambda: installation.api.account() == before, "the reservation goes")
    installation.check()
