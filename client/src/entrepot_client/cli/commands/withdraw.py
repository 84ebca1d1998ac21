"""`entrepot files withdraw|undo-withdrawal`: take a published version back from its readers."""

import json
from typing import Annotated, Any

import typer

from entrepot_client.cli.failures import Failure
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import open_client

_EXAMPLE_ID = "53c9c295-83f4-4754-a781-cd03841c806f"
FileId = Annotated[str, typer.Argument(metavar="FILE_ID", help="The file's id.")]
Number = Annotated[int, typer.Argument(metavar="VERSION", help="The version's number.", min=1)]


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    example = f'Example: entrepot files withdraw {_EXAMPLE_ID} 4 --reason "wrong month"'
    files.command("withdraw", epilog=example)(withdraw)
    example = f"Example: entrepot files undo-withdrawal {_EXAMPLE_ID} 4"
    files.command("undo-withdrawal", epilog=example)(undo_withdrawal)


def withdraw(
    ctx: typer.Context,
    file_id: FileId,
    version: Number,
    reason: Annotated[str, typer.Option(help="Why; readers are told.")],
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove its bytes and all that shows them now, for good."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --purge.")] = False,
) -> None:
    """Withdraw a published version: nobody reads it any more. Only the file's owner may.

    Readers then get the newest version that is left, and whoever asks for this one is told why. It
    can be undone for 7 days, unless it is purged.
    """
    output = output_of(ctx)
    if purge and not yes and not _confirm(version):
        raise Failure("Nothing was withdrawn.", "Run it again with --yes to purge the version.")
    path = f"/api/v1/file/{file_id}/versions/{version}/withdraw"
    body = json.dumps({"reason": reason, "purge": purge}).encode()
    with open_client(output) as client:
        details: dict[str, Any] = client.request("POST", path, body).json()
    _show(output, details)
    copies = ", ".join(str(number) for number in details["copies"])
    if copies:
        output.note(f"The same bytes are still published as version {copies}.")


def undo_withdrawal(ctx: typer.Context, file_id: FileId, version: Number) -> None:
    """Publish a withdrawn version again, within 7 days, unless it was purged."""
    output = output_of(ctx)
    path = f"/api/v1/file/{file_id}/versions/{version}/withdrawal"
    with open_client(output) as client:
        _show(output, client.request("DELETE", path).json())


def _confirm(version: int) -> bool:
    return typer.confirm(f"Remove the bytes of version {version} for good?", err=True)


def _show(output: Output, details: dict[str, Any]) -> None:
    lines = {"version": str(details["version"]), "status": str(details["status"])}
    if details["undo_until"]:
        lines["can be undone until"] = str(details["undo_until"])
    output.record(details, quiet="version", shown=lines)
