"""`entrepot auth`: sign in, show who is signed in, sign out."""

import os
import sys
from typing import Annotated

import typer

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.labels.rights import scopes_label
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import connect
from entrepot_client.credentials import (
    ENDPOINT_VARIABLE,
    KEY_VARIABLE,
    find_credentials,
    forget_credentials,
    save_credentials,
)
from entrepot_client.endpoint import clean_endpoint
from entrepot_client.errors import BadAnswer, ResourceNotFound
from entrepot_client.models import Document

ProfileOption = Annotated[
    str | None,
    typer.Option(
        help="A name for this server and key; ENTREPOT_PROFILE chooses it later.",
        show_default=False,
    ),
]
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    auth = typer.Typer(help="Sign in to a server, see as whom, sign out.")
    auth.command(
        "login",
        epilog="Example: entrepot auth login https://files.example.com < key.txt",
    )(login)
    auth.command("status", epilog="Example: entrepot auth status --format quiet")(status)
    auth.command("logout", epilog="Example: entrepot auth logout")(logout)
    app.add_typer(auth, name="auth", epilog="Example: entrepot auth login http://127.0.0.1:8080")


def login(
    ctx: typer.Context,
    endpoint: Annotated[
        str | None, typer.Argument(help="The server's address; asked for when it is left out.")
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Store an API key for later commands, after the server has accepted it.

    The key is asked for without being shown, or read from stdin. It is never an argument:
    arguments can be seen by every user of the machine.
    """
    output = output_of(ctx)
    endpoint = clean_endpoint(endpoint or os.environ.get(ENDPOINT_VARIABLE) or _prompt("Endpoint"))
    if endpoint.startswith("http://") and not endpoint[7:].startswith(_LOOPBACK):
        output.warning(f"{endpoint} is not encrypted: others on the network can read the key.")
    key = _prompt("API key", hidden=True)
    with connect(endpoint, key, output) as client:
        try:
            caller = client.whoami()
        except ResourceNotFound as error:  # the route is there for everybody
            raise BadAnswer(endpoint, "its address is another one.") from error
    location = save_credentials(endpoint, key, profile)
    _print_caller(output, endpoint, caller, location)
    output.note("You are signed in: later commands use this key.")
    if os.environ.get(KEY_VARIABLE, key).strip() != key:
        output.warning(f"{KEY_VARIABLE} has another key, and is used as long as it is set.")


def status(ctx: typer.Context) -> None:
    """Show the endpoint, the user, and what the key may do."""
    output = output_of(ctx)
    credentials = find_credentials(os.environ)
    with connect(credentials.endpoint, credentials.api_key, output) as client:
        caller = client.whoami()
    _print_caller(output, credentials.endpoint, caller, credentials.source)


def logout(ctx: typer.Context, profile: ProfileOption = None) -> None:
    """Delete the key from this machine. It stays valid: `entrepot keys revoke` revokes it."""
    output = output_of(ctx)
    endpoint = forget_credentials(os.environ, profile)
    if endpoint is None:
        output.note("No key is stored on this machine.")
    else:
        output.note(f"The key for {endpoint} was deleted from this machine.")
    if os.environ.get(KEY_VARIABLE):
        output.warning(f"{KEY_VARIABLE} is still set and is still used.")


def _prompt(label: str, hidden: bool = False) -> str:
    if sys.stdin.isatty():
        answer: str = typer.prompt(label, hide_input=hidden, err=True)
    else:
        answer = sys.stdin.readline()
    if not answer.strip():
        raise Failure(
            f"{label} is missing.", "Type it, or send it on stdin.", ExitStatus.WRONG_USAGE
        )
    return answer.strip()


def _print_caller(output: Output, endpoint: str, caller: Document, source: str) -> None:
    output.record(
        {"endpoint": endpoint, "key_source": source, **caller},
        quiet="user_name",
        shown={
            "endpoint": endpoint,
            "user": str(caller["user_name"]),
            "may": scopes_label(caller["scopes"]),
            "key from": source,
        },
    )
