"""`entrepot validate`: judge a file without delivering it, here or on the server."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot_client.cli.commands.tasks import watch_to_end
from entrepot_client.cli.explain import explain_ended
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Format, Output, output_of
from entrepot_client.cli.progress import Bar
from entrepot_client.cli.schema_file import read_schema
from entrepot_client.cli.session import signed_in
from entrepot_client.local_engine import Judgement, find_engine, judge

if TYPE_CHECKING:
    from entrepot_client.client import Client

SHOWN = 20
"""Errors that are shown to a person; `--format json` prints the whole report."""


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
    given = read_schema(schema) if schema is not None else None
    engine = None if on_server else find_engine()
    if engine is None:
        contract = given if given is not None else (enforce_schema or None)
        found = _on_server(output, path, contract, file)
    elif file is not None:
        with signed_in(output) as client:
            held = client.file(file).document
        given, dialect = held.get("schema"), held.get("table_dialect")
        mode = "given" if given else "infer" if held.get("enforce_schema") else "none"
        found = judge(engine, path, given, mode, dialect)
    else:
        mode = "given" if given is not None else "infer" if enforce_schema else "none"
        found = judge(engine, path, given, mode)
    _show(output, found)
    if not found.valid:
        raise typer.Exit(ExitStatus.REJECTED)


def _on_server(
    output: Output, path: Path, contract: bool | Mapping[str, Any] | None, file: str | None
) -> Judgement:
    with signed_in(output) as client:
        with Bar(output, f"uploading {path.name}") as bar:
            sent = client.validate(path, enforce_schema=contract, file_id=file, progress=bar.show)
        return judgement_of(client, sent.task_id, output)


def judgement_of(client: "Client", task_id: str, output: Output) -> Judgement:
    """What a validation's task ended with. Raises Failure if it ended without a judgement."""
    task = watch_to_end(client, task_id, output)
    failure = explain_ended(task)
    if task.report_url is None:
        raise failure or Failure("The task ended without a report.", "Try again.")
    report = client.report(task)
    detail = report["tasks"][0].get("summary") or str(failure.what if failure else "")
    return Judgement(failure is None, detail, report)


def _show(output: Output, found: Judgement) -> None:
    """The summary in words and the first errors; or the report; or only whether it is valid."""
    if output.format is Format.JSON:
        output.json(found.report)
        return
    if output.format is Format.QUIET:
        output.line("valid" if found.valid else "invalid")
        return
    output.line(found.detail)
    tasks = found.report.get("tasks", [])
    errors = [e for task in tasks for e in task.get("errors") or task.get("findings") or []]
    if errors:
        output.records(
            errors[:SHOWN],
            quiet="type",
            columns=("row", "line", "column", "error", "cell"),
            rows=[_row(error) for error in errors[:SHOWN]],
            empty="",
        )
    counted = sum(count["count"] for task in tasks for count in task.get("errorCounts", []))
    if counted > SHOWN:
        output.note(f"… and {counted - min(SHOWN, len(errors)):,} more; see --format json.")


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
