"""`entrepot pull`: download a published version of a file, as delivered or in another format."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size


class PullFormat(StrEnum):
    """The formats that a server makes of a table."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"


class _DownloadOptions(NamedTuple):
    """Which bytes; the names are those of the arguments of `Client.download`."""

    version: int | None
    form: str | None
    on_wait: Callable[[float], None]


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
    form: Annotated[
        PullFormat | None,
        typer.Option("--as", help="The table in this form, made and typed by the server."),
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="This version; otherwise the newest.")
    ] = None,
) -> None:
    """Fetch the newest published version of a file, byte for byte, and verify it.

    With --as the server may have to make the form first, and the command waits for it. A
    download that breaks off leaves PATH.part; the same command goes on from there. Prints the
    path.
    """
    output = output_of(ctx)
    options = _DownloadOptions(version, form.value if form else None, _make_wait_note(output, form))
    if to == "-":
        _to_stdout(output, file_id, options)
    else:
        _to_file(output, file_id, options, Path(to) if to is not None else Path(), force)


def _make_wait_note(output: Output, form: PullFormat | None) -> Callable[[float], None]:
    pauses: list[float] = []

    def note_pause(seconds: float) -> None:
        if not pauses:
            output.note(f"The server is making the {form.value if form else 'file'}; waiting.")
        pauses.append(seconds)

    return note_pause


def _to_file(
    output: Output, file_id: str, options: _DownloadOptions, target: Path, force: bool
) -> None:
    try:
        with open_client(output) as client, ProgressBar(output, "downloading") as bar:
            result = client.download(
                file_id, target, overwrite=force, progress=bar.show, **options._asdict()
            )
    except KeyboardInterrupt:
        output.note("The download was broken off; run the command again to go on.")
        raise
    if result.resumed_from:
        output.note(f"Went on after {format_size(result.resumed_from)} of an earlier download.")
    if not result.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
    output.record(
        {
            "path": str(result.path),
            "file_id": file_id,
            "file_size": result.size,
            "sha256": result.sha256,
        },
        quiet="path",
        shown={
            "path": str(result.path),
            "size": format_size(result.size),
            "SHA-256": result.sha256,
        },
    )


def _to_stdout(output: Output, file_id: str, options: _DownloadOptions) -> None:
    with open_client(output) as client, ProgressBar(output, "downloading") as bar:
        result = client.download_to(
            file_id, sys.stdout.buffer, progress=bar.show, **options._asdict()
        )
    if not result.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
