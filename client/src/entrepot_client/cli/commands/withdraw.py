"""`entrepot files withdraw|undo-withdrawal`: take a published version back from its readers."""

from typing import Annotated

import typer

from entrepot_client.cli.arguments import (
    EXAMPLE_FILE,
    FileArgument,
    VersionArgument,
    YesOption,
    confirm,
)
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import open_client
from entrepot_client.models import Document


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    example = f'Example: entrepot files withdraw {EXAMPLE_FILE} 4 --reason "wrong month"'
    files.command("withdraw", epilog=example)(withdraw)
    example = f"Example: entrepot files undo-withdrawal {EXAMPLE_FILE} 4"
    files.command("undo-withdrawal", epilog=example)(undo_withdrawal)


def withdraw(
    ctx: typer.Context,
    file: FileArgument,
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why; readers see it.")],
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove its bytes and all that shows them now, permanently."),
    ] = False,
    yes: YesOption = False,
) -> None:
    """Withdraw a published version: nobody reads it any more. Only the file's owner may.

    Readers then get the newest version that is left, and whoever asks for this one sees why. It
    can be undone for 7 days, unless it is purged. A withdrawn version can be purged later.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        if purge:
            confirm(f"Remove the bytes of version {version} permanently?", yes)
        with client.naming_version(file_id, version):
            details = client.withdraw_version(file_id, version, reason, purge=purge)
    _show(output, details)
    copies = details["copies"]
    if copies:
        numbers = ", ".join(str(number) for number in copies)
        noun = "version" if len(copies) == 1 else "versions"
        output.note(f"The same bytes are still published as {noun} {numbers}.")


def undo_withdrawal(ctx: typer.Context, file: FileArgument, version: VersionArgument) -> None:
    """Publish a withdrawn version again, within 7 days, unless it was purged."""
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            details = client.undo_withdrawal(file_id, version)
    _show(output, details)


def _show(output: Output, details: Document) -> None:
    lines = {"version": str(details["version"]), "status": str(details["status"])}
    if details["undo_until"]:
        lines["can be undone until"] = str(details["undo_until"])
    elif details["status"] == "withdrawn":
        lines["bytes"] = "removed permanently"
    output.record(details, quiet="version", shown=lines)
