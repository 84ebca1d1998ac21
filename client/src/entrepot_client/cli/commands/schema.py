"""`entrepot schema`: show the schema of a file, infer one, and change it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client import errors
from entrepot_client.cli.arguments import EXAMPLE_FILE, FileArgument
from entrepot_client.cli.commands import versions
from entrepot_client.cli.commands.tasks import watch_to_end
from entrepot_client.cli.explain import explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Format, output_of, short_time
from entrepot_client.cli.schema_file import (
    DialectOption,
    EncodingOption,
    read_reading,
    read_schema,
    require_regular_file,
    schema_text,
)
from entrepot_client.cli.session import open_client
from entrepot_client.local_engine import find_engine, run_engine
from entrepot_client.models import DETECTED

if TYPE_CHECKING:
    from entrepot_client.client import Client

SOURCES = {"given": "set", "migrated": "made by an update of the server"}
"""How a revision came about, where the API's word says too little."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    schema = typer.Typer(help="Show, infer and change the schemas of files.")
    schema.command("show", epilog=f"Example: entrepot schema show {EXAMPLE_FILE}")(show)
    schema.command("infer", epilog="Example: entrepot schema infer orders.csv > schema.json")(infer)
    example = f"Example: entrepot schema accept-suggestion {EXAMPLE_FILE} 4"
    schema.command("accept-suggestion", epilog=example)(versions.accept_suggestion)
    schema.command("set", epilog=f"Example: entrepot schema set {EXAMPLE_FILE} schema.json")(set_)
    app.add_typer(schema, name="schema", epilog=f"Example: entrepot schema show {EXAMPLE_FILE}")


def show(
    ctx: typer.Context,
    file: FileArgument,
    revision: Annotated[int | None, typer.Option(help="An earlier one.", min=1)] = None,
) -> None:
    """Print a file's schema as JSON, ready for `entrepot schema set`; the newest by default.

    `--format json` prints who changed it, when and what, and the list of all revisions too.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        schema = client.schema(client.find_id(file), revision)
    if output.format is Format.JSON:
        output.json(schema)
    elif schema["schema"] is None:
        raise Failure("The file has no schema.", "Give it one with `entrepot schema set`.")
    elif schema["revision"] is None:
        output.note("Not enforced: this was inferred for the current version.")
        output.line(schema_text(schema["schema"]))
    else:
        created = short_time(str(schema["created_at"]), " UTC")
        source = SOURCES.get(str(schema["source"]), str(schema["source"]))
        heading = f"Revision {schema['revision']}, {source} {created}"
        output.note(f"{heading} by {schema['user_name']}.")
        for change in schema["changes"] or []:
            output.note(f"  {_describe_change(change)}")
        for name in ("dialect", "encoding"):
            if schema.get(name) is not None:
                output.note(f"Deliveries are read with the {name} {_compact(schema[name])}.")
        output.line(schema_text(schema["schema"]))


def infer(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)],
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Print the Table Schema to which the whole file conforms. Needs the server's package."""
    output = output_of(ctx)
    require_regular_file(path)
    engine = find_engine()
    if engine is None:
        raise Failure(
            "The engine is not installed here.",
            "Install the package entrepot, or deliver the file: its schema is inferred there.",
        )
    result = run_engine(engine, path, None, "none", read_reading(dialect, encoding))
    fields = (result.schema or {}).get("fields")
    if result.schema is None or not fields:
        raise Failure(result.detail, "Only tables have a schema.", ExitStatus.REJECTED)
    output.note(result.detail)
    if output.format is Format.JSON:
        output.json(result.schema)
    else:
        output.line(schema_text(result.schema))


def set_(
    ctx: typer.Context,
    file: FileArgument,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="SCHEMA", help="A Table Schema (JSON); it stays if left out.", exists=True
        ),
    ] = None,
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
    accept_breaking: Annotated[
        bool,
        typer.Option(
            "--accept-breaking", help="Also if deliveries that were valid until now break it."
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until it is checked.")
    ] = True,
) -> None:
    """Change the schema of a file, and how its deliveries are read.

    The current version is checked first: if it breaks the new schema, nothing changes and the exit
    status is 5. Otherwise the schema is enforced from then on.
    """
    output = output_of(ctx)
    schema, reading = (
        read_schema(path) if path is not None else None,
        read_reading(dialect, encoding),
    )
    if schema is None and reading == DETECTED:
        raise Failure(
            "There is nothing to change.",
            "Give a Table Schema, --dialect or --encoding.",
            ExitStatus.WRONG_USAGE,
        )
    with open_client(output) as client:
        file_id = client.find_id(file)
        earlier = _find_revision(client, file_id) if wait else None
        try:
            task_id = client.set_schema(
                file_id, schema, reading=reading, accept_breaking=accept_breaking
            )
        except errors.Conflict as error:
            raise _explain_conflict(error) from error
        if not wait:
            output.record({"task_id": task_id}, quiet="task_id", shown={"task id": task_id})
            return
        task = watch_to_end(client, task_id, output)
        failure = explain_task_failure(task)
        if failure is not None:
            raise failure
        revision = _find_revision(client, file_id)
    output.record(
        {**task.document, "revision": revision},
        quiet="status",
        shown={
            "file": task.file_name or "",
            "revision": "not known: the key may not read" if revision is None else str(revision),
            "status": "unchanged" if earlier == revision is not None else "changed",
            "task id": task_id,
        },
    )


def _find_revision(client: "Client", file_id: str) -> int | None:
    """The newest revision of the file's schema; None for a key that may only deliver."""
    try:
        revision: int | None = client.schema(file_id)["revision"]
    except errors.Forbidden:
        return None
    return revision


def _explain_conflict(error: errors.Conflict) -> Failure:
    changes = error.figures.get("changes")
    if error.code != "breaking-change" or not isinstance(changes, list):
        return Failure(str(error), "`entrepot files show FILE` shows its state.")
    lines = tuple(_describe_change(change) for change in changes)
    advice = "If this is meant, run it again with --accept-breaking."
    return Failure(str(error), advice, ExitStatus.FAILED, lines, {"problem": error.document})


def _compact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _describe_change(change: dict[str, str]) -> str:
    return f"{change['change']}: {change['effect']}, {change['reason']}"
