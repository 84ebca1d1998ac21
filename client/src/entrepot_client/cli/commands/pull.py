"""`entrepot pull`: download a published version of a file, as delivered or in another format."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from entrepot_client.cli.arguments import FileArgument, VersionOption
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
        epilog="Example: entrepot pull orders.csv --version 3 -o orders-3.csv",
    )(pull)


def pull(
    ctx: typer.Context,
    file: FileArgument,
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
        typer.Option("--as", help="The table in this format, with the types of its schema."),
    ] = None,
    version: VersionOption = None,
) -> None:
    """Download a published version of a file, and verify it.

    The bytes are those that were delivered; with --as the server makes another format of the table,
    and the command waits for it. An interrupted download leaves PATH.part, which the same command
    resumes. Prints the path.
    """
    output = output_of(ctx)
    options = _DownloadOptions(version, form.value if form else None, _make_wait_note(output, form))
    if to == "-":
        _to_stdout(output, file, options)
    else:
        _to_file(output, file, options, Path(to) if to is not None else Path(), force)


def _make_wait_note(output: Output, form: PullFormat | None) -> Callable[[float], None]:
    pauses: list[float] = []

    def note_pause(seconds: float) -> None:
        if not pauses:
            output.note(f"The server is making the {form.value if form else 'file'}; waiting.")
        pauses.append(seconds)

    return note_pause


def _to_file(
    output: Output, file: str, options: _DownloadOptions, target: Path, force: bool
) -> None:
    try:
        with open_client(output) as client, ProgressBar(output, "downloading") as bar:
            file_id = client.find_id(file)
            with client.naming_version(file_id, options.version):
                result = client.download(
                    file_id, target, overwrite=force, progress=bar.show, **options._asdict()
                )
    except KeyboardInterrupt:
        output.note("The download was interrupted; run the command again to resume it.")
        raise
    if result.resumed_from:
        output.note(f"Resumed after {format_size(result.resumed_from)} of an earlier download.")
    if not result.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
    output.record(
        {
            "path": str(result.path),
            "file_id": file_id,
            "version": result.version,
            "file_size": result.size,
            "sha256": result.sha256,
        },
        quiet="path",
        shown={
            "path": str(result.path),
            "version": str(result.version or ""),
            "size": format_size(result.size),
            "SHA-256": result.sha256,
        },
    )


def _to_stdout(output: Output, file: str, options: _DownloadOptions) -> None:
    with open_client(output) as client, ProgressBar(output, "downloading") as bar:
        file_id = client.find_id(file)
        with client.naming_version(file_id, options.version):
            result = client.download_to(
                file_id, sys.stdout.buffer, progress=bar.show, **options._asdict()
            )
    if not result.verified:
        output.warning("The server gave no digest; the bytes could not be verified.")
