"""Open the client for the user who is signed in."""

import os
from typing import TYPE_CHECKING

from entrepot_client.cli.credentials import find_credentials
from entrepot_client.cli.output import Output

if TYPE_CHECKING:
    # Imported by `connect` when it is needed: httpx2 takes longer to load than all else here.
    from entrepot_client.client import Client


def open_client(output: Output) -> "Client":
    """The client with the endpoint and key of this run. Raises Failure if there are none."""
    credentials = find_credentials(os.environ)
    return connect(credentials.endpoint, credentials.api_key, output)


def connect(endpoint: str, api_key: str, output: Output) -> "Client":
    """A client that reports each retry on stderr."""
    from stamina.instrumentation import RetryDetails, set_on_retry_hooks

    from entrepot_client.client import Client

    def print_retry(details: RetryDetails) -> None:
        reason = str(details.caused_by).rstrip(".")
        output.note(f"{reason}; trying again in {details.wait_for:.1f} s.")

    # Without a hook of ours stamina logs, and structlog, where a server is installed, to stdout.
    set_on_retry_hooks([print_retry])
    return Client(endpoint, api_key)
