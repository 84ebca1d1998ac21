"""`entrepot pull`: fetch the newest published version of a file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.progress import Bar
from entrepot_client.cli.session import signed_in
from entrepot_client.cli.sizes import format_size


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "pull",
        epilog="Example: entrepot pull 53c9c295-83f4-4754-a781-cd03841c806f -o orders.csv",
    )(pull)


def pull(
    ctx: typer.Context,
    file_id: Annotated[str, typer.Argument(help="The file's id.")],
    to: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH|-",
            help="A file, a folder, or - for stdout; otherwise the file's own name, here.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Fetch the newest published version of a file, byte for byte, and verify it.

    A download that breaks off leaves PATH.part; the same command goes on from there. Prints the
    path.
    """
    output = output_of(ctx)
    if to == "-":
        _to_stdout(output, file_id)
    else:
        _to_file(output, file_id, Path(to) if to is not None else Path(), force)


def _to_file(output: Output, file_id: str, target: Path, force: bool) -> None:
    try:
        with signed_in(output) as client, Bar(output, "downloading") as bar:
            got = client.download(file_id, target, overwrite=force, progress=bar.show)
    except KeyboardInterrupt:
        output.note("The download was broken off; run the command again to go on.")
        raise
    if got.resumed_from:
        output.note(f"Went on after {format_size(got.resumed_from)} of an earlier download.")
    if not got.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
    output.record(
        {"path": str(got.path), "file_id": file_id, "file_size": got.size, "sha256": got.sha256},
        quiet="path",
        shown={"path": str(got.path), "size": format_size(got.size), "SHA-256": got.sha256},
    )


def _to_stdout(output: Output, file_id: str) -> None:
    with signed_in(output) as client, Bar(output, "downloading") as bar:
        got = client.download_to(file_id, sys.stdout.buffer, progress=bar.show)
    if not got.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
