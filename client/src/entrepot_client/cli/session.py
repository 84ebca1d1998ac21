"""A command's way to the server: the client for whoever is signed in."""

import os
from typing import TYPE_CHECKING

from entrepot_client.cli.credentials import find_credentials
from entrepot_client.cli.output import Output

if TYPE_CHECKING:
    # Imported by `connect` when it is needed: httpx2 takes longer to load than all else here.
    from entrepot_client.client import Client


def signed_in(output: Output) -> "Client":
    """The client with the endpoint and key of this run. Raises Failure when there are none."""
    credentials = find_credentials(os.environ)
    return connect(credentials.endpoint, credentials.api_key, output)


def connect(endpoint: str, api_key: str, output: Output) -> "Client":
    """A client that says on stderr when it has to try again."""
    from stamina.instrumentation import RetryDetails, set_on_retry_hooks

    from entrepot_client.client import Client

    def say(details: RetryDetails) -> None:
        reason = str(details.caused_by).rstrip(".")
        output.note(f"{reason}; trying again in {details.wait_for:.1f} s.")

    # Without a hook of ours stamina logs, and structlog, where a server is installed, to stdout.
    set_on_retry_hooks([say])
    return Client(endpoint, api_key)
