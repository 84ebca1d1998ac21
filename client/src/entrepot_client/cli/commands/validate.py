"""`entrepot validate`: validate a file without delivering it, here or on the server."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot_client.cli.commands.tasks import watch_to_end
from entrepot_client.cli.explain import explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Format, Output, output_of
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.schema_file import (
    DialectOption,
    EncodingOption,
    read_reading,
    read_schema,
)
from entrepot_client.cli.session import open_client
from entrepot_client.local_engine import ValidationResult, find_engine, run_engine
from entrepot_client.models import FOUND_OUT, ReadingOptions

if TYPE_CHECKING:
    from entrepot_client.client import Client

MAX_SHOWN_ERRORS = 20
"""Errors in the table for people; `--format json` prints the whole report."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("validate", epilog="Example: entrepot validate orders.csv --schema schema.json")(
        validate
    )


def validate(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The file to judge.", exists=True, dir_okay=False, readable=True)
    ],
    schema: Annotated[
        Path | None,
        typer.Option(help="A Table Schema (JSON) to judge by.", exists=True, dir_okay=False),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE_ID", help="Judge by a file's contract.")
    ] = None,
    enforce_schema: Annotated[
        bool, typer.Option("--enforce-schema", help="Demand a table of sound structure.")
    ] = False,
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
    on_server: Annotated[
        bool, typer.Option("--on-server", help="Have the server judge, also where it can be here.")
    ] = False,
) -> None:
    """Judge a file by a contract without delivering it.

    Where the server's package is installed it is judged here by the same engine, and no byte
    leaves; else on the server, which forgets it. Exit status 5 when the contract is broken.
    """
    output = output_of(ctx)
    if sum((schema is not None, file is not None, enforce_schema)) > 1:
        raise Failure(
            "--schema, --file and --enforce-schema exclude each other.",
            "Give one of them.",
            ExitStatus.WRONG_USAGE,
        )
    reading = read_reading(dialect, encoding)
    if file is not None and reading != FOUND_OUT:
        raise Failure(
            "With --file it is read as that file's contract says.",
            "Leave out --dialect and --encoding.",
            ExitStatus.WRONG_USAGE,
        )
    table_schema = read_schema(schema) if schema is not None else None
    engine = None if on_server else find_engine()
    if engine is None:
        contract = table_schema if table_schema is not None else (enforce_schema or None)
        result = _on_server(output, path, contract, file, reading)
    elif file is not None:
        with open_client(output) as client:
            file_document = client.file(file).document
        table_schema = file_document.get("schema")
        reading = ReadingOptions(file_document.get("table_dialect"), file_document.get("encoding"))
        mode = (
            "given" if table_schema else "infer" if file_document.get("enforce_schema") else "none"
        )
        result = run_engine(engine, path, table_schema, mode, reading)
    else:
        mode = "given" if table_schema is not None else "infer" if enforce_schema else "none"
        result = run_engine(engine, path, table_schema, mode, reading)
    _show(output, result)
    if not result.valid:
        raise typer.Exit(ExitStatus.REJECTED)


def _on_server(
    output: Output,
    path: Path,
    contract: bool | Mapping[str, Any] | None,
    file: str | None,
    reading: ReadingOptions,
) -> ValidationResult:
    with open_client(output) as client:
        with ProgressBar(output, f"uploading {path.name}") as bar:
            delivery = client.validate(
                path, enforce_schema=contract, file_id=file, reading=reading, progress=bar.show
            )
        return wait_for_result(client, delivery.task_id, output)


def wait_for_result(client: "Client", task_id: str, output: Output) -> ValidationResult:
    """The result of a validation's task. Raises Failure if it ended without a report."""
    task = watch_to_end(client, task_id, output)
    failure = explain_task_failure(task)
    if task.report_url is None:
        raise failure or Failure("The task ended without a report.", "Try again.")
    report = client.report(task)
    detail = report["tasks"][0].get("summary") or str(failure.what if failure else "")
    return ValidationResult(failure is None, detail, report)


def _show(output: Output, result: ValidationResult) -> None:
    """Print the summary and the first errors; or the report; or only whether the file is valid."""
    if output.format is Format.JSON:
        output.json(result.report)
        return
    if output.format is Format.QUIET:
        output.line("valid" if result.valid else "invalid")
        return
    output.line(result.detail)
    tasks = result.report.get("tasks", [])
    errors = [e for task in tasks for e in task.get("errors") or task.get("findings") or []]
    if errors:
        output.records(
            errors[:MAX_SHOWN_ERRORS],
            quiet="type",
            columns=("row", "line", "column", "error", "cell"),
            rows=[_row(error) for error in errors[:MAX_SHOWN_ERRORS]],
            empty="",
        )
    error_count = sum(count["count"] for task in tasks for count in task.get("errorCounts", []))
    if error_count > MAX_SHOWN_ERRORS:
        output.note(
            f"… and {error_count - min(MAX_SHOWN_ERRORS, len(errors)):,} more; see --format json."
        )


def _row(error: Mapping[str, Any]) -> tuple[str, ...]:
    number = error.get("rowNumber")
    line = error.get("lineNumber")
    rule = f"{error['type']} {error.get('note', '')}".strip()
    column = error.get("fieldName") or error.get("label") or error.get("fieldNumber") or ""
    return (
        f"{number:,}" if number else "",
        f"{line:,}" if line else "",
        str(column),
        rule,
        str(error.get("cell") or "")[:80],
    )
