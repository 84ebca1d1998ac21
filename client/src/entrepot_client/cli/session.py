"""Open the client for the user who is signed in."""

import os
from typing import TYPE_CHECKING

from entrepot_client.cli.output import Output

if TYPE_CHECKING:
    # Imported by `connect` when it is needed: it takes longer to load than the program itself.
    from entrepot_client.client import Client

_QUIET_SECONDS = 5.0
"""How long a server that does not answer is tried again without a note."""


def open_client(output: Output) -> "Client":
    """The client with the endpoint and key of this run. Raises NotConfigured if there are none."""
    from entrepot_client.credentials import find_credentials

    credentials = find_credentials(os.environ)
    return connect(credentials.endpoint, credentials.api_key, output)


def connect(endpoint: str, api_key: str, output: Output) -> "Client":
    """A client that says on stderr that it waits, once for each reason."""
    from entrepot_client.client import Client
    from entrepot_client.errors import Unreachable

    noted: set[str] = set()

    def note_retry(error: Exception, pause: float, waited: float) -> None:
        # A server that is not there at all is one sentence at the end, not one for each attempt.
        if isinstance(error, Unreachable) and waited + pause < _QUIET_SECONDS:
            return
        reason = str(error).rstrip(".")
        if reason not in noted:
            noted.add(reason)
            output.note(f"{reason}; trying again in {pause:.1f} s.")

    return Client(endpoint, api_key, on_retry=note_retry)
