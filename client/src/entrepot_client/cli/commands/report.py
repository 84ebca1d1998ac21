"""`entrepot report`: why a version was rejected, and its rejected rows."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client.cli.arguments import FileArgument, VersionOption
from entrepot_client.cli.explain import rejection_lines
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Format, Output, output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size
from entrepot_client.errors import Conflict, ResourceNotFound
from entrepot_client.models import Document

if TYPE_CHECKING:
    from entrepot_client.client import Client

SHOWS_ERRORS = "Without --rows, the command shows the errors."
MAX_SHOWN_ERRORS = 20
"""Errors that people see; `--format json` prints the whole report."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("report", epilog="Example: entrepot report orders.csv --rows rejected.csv")(report)


def report(
    ctx: typer.Context,
    file: FileArgument,
    version: VersionOption = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="PATH|-",
            help="Write the rejected rows as CSV to this file, or to stdout.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Show why a delivery was rejected, row by row.

    Of the newest version that was inspected, or of --version. With --rows the rejected rows are
    written as CSV as well: each as it was uploaded, after its number, its line and its errors.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            if rows is not None:
                try:
                    _write_rows(client, output, file_id, version, rows, force)
                except ResourceNotFound as error:
                    client.version_report(file_id, version)  # raises if there is no such version
                    raise Failure(
                        "The rejected rows are not kept any more.",
                        SHOWS_ERRORS,
                        ExitStatus.NOT_FOUND,
                    ) from error
                except Conflict as error:
                    if error.code != "quarantine-ended":
                        raise
                    raise Failure(str(error), SHOWS_ERRORS, ExitStatus.NOT_FOUND) from error
                return
            document = client.version_report(file_id, version)
    show_report(output, document, has_rows=True)


def show_report(
    output: Output, report: Document, summary: str = "", *, has_rows: bool = False
) -> None:
    """Print a report: for people its summary, its first errors and what it suggests.

    `has_rows`: the command can write the rejected rows.
    """
    if output.format is Format.JSON:
        output.json(report)
        return
    if output.format is Format.QUIET:
        output.line("valid" if report.get("valid") else "invalid")
        return
    tables = report.get("tasks", [])
    summary = summary or str((tables[0].get("summary") if tables else "") or "")
    errors = [e for table in tables for e in table.get("errors") or table.get("findings") or []]
    error_count = sum(c["count"] for table in tables for c in table.get("errorCounts", []))
    what, lines = rejection_lines(
        summary, errors, max(error_count, len(errors)), most=MAX_SHOWN_ERRORS
    )
    for line in (what, *lines):
        output.text(line)
    if error_count > MAX_SHOWN_ERRORS:
        rows = ", `--rows PATH` writes the rejected rows" if has_rows else ""
        output.note(f"`--format json` prints the whole report{rows}.")
    for line in suggestion_lines(report):
        output.note(line)


def suggestion_lines(report: Document) -> tuple[str, ...]:
    """What change of the contract a report suggests; nothing if it suggests none."""
    suggested = report.get("suggested")
    if suggested is None:
        return ()
    changes = (f"- {change['change']}: {change['reason']}." for change in suggested["changes"])
    return ("It would be valid if the contract were changed a little:", *changes)


def _write_rows(
    client: "Client", output: Output, file_id: str, version: int | None, target: str, force: bool
) -> None:
    if target == "-":
        import sys

        client.rejected_rows(file_id, sys.stdout.buffer, version)
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    if path.exists() and not force:
        raise Failure(f"{path} exists already.", "Give --force to replace it, or another path.")
    # Under another name until it is whole: a part would pass for all rejected rows.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".rejected-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            client.rejected_rows(file_id, stream, version)
        size = Path(draft).stat().st_size
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    output.record(
        {"path": str(path), "bytes": size},
        quiet="path",
        shown={"path": str(path), "size": format_size(size)},
    )
