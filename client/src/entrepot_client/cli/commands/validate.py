"""`entrepot validate`: validate a file without delivering it, here or on the server."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot_client.cli.commands.report import show_report
from entrepot_client.cli.commands.tasks import watch_to_end
from entrepot_client.cli.explain import explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.schema_file import (
    DialectOption,
    EncodingOption,
    read_reading,
    read_schema,
    require_regular_file,
)
from entrepot_client.cli.session import open_client
from entrepot_client.local_engine import ValidationResult, find_engine, run_engine
from entrepot_client.models import DETECTED, ReadingOptions

if TYPE_CHECKING:
    from entrepot_client.client import Client


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("validate", epilog="Example: entrepot validate orders.csv --schema schema.json")(
        validate
    )


def validate(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The file to check.", exists=True, dir_okay=False, readable=True)
    ],
    schema: Annotated[
        Path | None,
        typer.Option(
            help="A Table Schema (JSON) that it must conform to.", exists=True, dir_okay=False
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Check it with the contract of this file."),
    ] = None,
    enforce_schema: Annotated[
        bool, typer.Option("--enforce-schema", help="It must be a well-formed table.")
    ] = False,
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
    on_server: Annotated[
        bool, typer.Option("--on-server", help="Check it on the server, even if this machine can.")
    ] = False,
) -> None:
    """Check a file against a contract without delivering it.

    If the server's package is installed, the same engine runs here and the file stays on this
    machine; otherwise it runs on the server, which keeps nothing. Exit status 5 when the
    file breaks the contract.
    """
    output = output_of(ctx)
    if sum((schema is not None, file is not None, enforce_schema)) > 1:
        raise Failure(
            "--schema, --file and --enforce-schema exclude each other.",
            "Give one of them.",
            ExitStatus.WRONG_USAGE,
        )
    require_regular_file(path)
    reading = read_reading(dialect, encoding)
    if file is not None and reading != DETECTED:
        raise Failure(
            "--file also says how the file is read.",
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
            file_document = client.file(client.find_id(file)).document
        table_schema = file_document.get("schema")
        reading = ReadingOptions(file_document.get("table_dialect"), file_document.get("encoding"))
        mode = (
            "given" if table_schema else "infer" if file_document.get("enforce_schema") else "none"
        )
        result = run_engine(engine, path, table_schema, mode, reading)
    else:
        mode = "given" if table_schema is not None else "infer" if enforce_schema else "none"
        result = run_engine(engine, path, table_schema, mode, reading)
    show_report(output, result.report, result.detail)
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
                path, enforce_schema=contract, file=file, reading=reading, progress=bar.show
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
