"""The arguments that several commands take, and the names that the API has for options."""

from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import terminal_width
from entrepot_client.cli.terminal.wrapping import wrap
from entrepot_client.lookup import is_id

if TYPE_CHECKING:
    from entrepot_client.client import Client
    from entrepot_client.models import File

EXAMPLE_FILE = "orders.csv"
EXAMPLE_ID = "53c9c295-83f4-4754-a781-cd03841c806f"
EXAMPLE_TASK_ID = "1dd1ce46-62cc-486e-9f47-1f96c1895b25"
FILE_HELP = "The file: its id, the first digits of the id, its name, or its path."

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help=FILE_HELP)]
VersionArgument = Annotated[
    int, typer.Argument(metavar="VERSION", help="The version's number.", min=1)
]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=1, help="This version; otherwise the newest.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

OPTION_NAMES = {
    "file_size_limit": "--size-limit",
    "file_description": "--description",
    "file_name": "--name",
    "path": "--path",
    "enforce_schema": "--schema",
    "table_dialect": "--dialect",
    "encoding": "--encoding",
    "file_id": "FILE",
    "file": "the file",
    "user_name": "the user",
    "folder": "--folder",
    "updated_since": "--since",
    "media_type": "--media-type",
    "entitlement": "--entitlement",
    "min_size": "--min-size",
    "max_size": "--max-size",
    "order_by": "--sort",
    "sort": "--sort",
    "where": "--where",
    "columns": "--columns",
    "limit": "--limit",
    "offset": "--offset",
    "key": "--key",
    "keep_last": "--keep-last",
    "days": "--keep-days",
    "expires_at": "--expires",
    "max_uses": "--uses",
    "password": "the password",
    "current_password": "the current password",
    "new_password": "the new password",
    "scopes": "--scopes",
    "reason": "--reason",
    "action": "--action",
    "since": "--since",
    "revision": "--revision",
    "version": "the version",
    "format": "--as",
}
"""The option of a command for each field and parameter of the API."""


def file_address(client: "Client", file: "File") -> str:
    """The whole address of a file that has a path, as any program can open it; else empty."""
    return f"{client.endpoint}/d/{file.account}/{file.path}" if file.path else ""


def check_id(text: str, what: str, listing: str) -> str:
    """A whole id of a task or key. Raises Failure, which names the command that lists them."""
    if not is_id(text):
        raise Failure(
            f"{text!r} is not the id of {_article(what)} {what}.",
            f"`{listing}` shows the ids.",
            ExitStatus.NOT_FOUND,
        )
    return text


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def confirm(question: str, confirmed: bool) -> None:
    """Ask before something is removed. Raises Failure if nobody can be asked, typer.Abort if the
    answer is no."""
    import sys

    if confirmed:
        return
    if not sys.stdin.isatty():
        raise Failure(
            "Nobody can be asked whether this is meant.",
            "Give --yes to do it without a question.",
            ExitStatus.WRONG_USAGE,
        )
    width = terminal_width(sys.stderr)
    if not typer.confirm(question if width is None else "\n".join(wrap(question, width)), err=True):
        raise Failure("Nothing was changed.", "", ExitStatus.INTERRUPTED)
