"""`entrepot push`: define a file and deliver its first version, or a new version."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import platformdirs
import typer

from entrepot_client.cli.commands.tasks import report_outcome, watch_to_end
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.schema_file import (
    DialectOption,
    EncodingOption,
    read_reading,
    read_schema,
)
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size, size_option
from entrepot_client.models import Delivery, ReadingOptions, Task

if TYPE_CHECKING:
    from entrepot_client.client import Client


INTERRUPTED_NOTE = (
    "The upload was broken off; push it again, and a large file goes on where it was."
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "push", epilog="Example: entrepot push orders.csv --size-limit 100MB --enforce-schema"
    )(push)


def push(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The file to upload.", exists=True, dir_okay=False, readable=True)
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help="The id of the file of which this is a further version; its contract binds.",
            metavar="FILE_ID",
            show_default=False,
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What the file is.")] = None,
    size_limit: Annotated[
        int | None,
        typer.Option(
            help="The most bytes that any version may have, such as 500kB, 100MB or 10GB; "
            "at least twice the file's size when it is left out.",
            parser=size_option,
            metavar="SIZE",
            show_default=False,
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            help="A Table Schema (JSON) that every version must conform to.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    enforce_schema: Annotated[
        bool,
        typer.Option("--enforce-schema", help="Infer the schema and hold later versions to it."),
    ] = False,
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until it is published or rejected.")
    ] = True,
) -> None:
    """Define a file and upload its first version, or with --to a further one of a file.

    Once a version is published, `entrepot schema set` changes --dialect and --encoding.

    A file of 8 MiB and more goes on where it was after a lost connection, and when it is pushed
    again after the program was ended.

    Prints the file's id once it is published; with --no-wait the task's id, at once. Exit status
    5 when the contract rejected it (its first errors are shown), 6 when it is over a limit.
    """
    output = output_of(ctx)
    if schema is not None and enforce_schema:
        raise Failure(
            "--schema and --enforce-schema exclude each other.",
            "Give --schema alone: a given schema is always enforced.",
            ExitStatus.WRONG_USAGE,
        )
    contract_options = description, size_limit, schema, enforce_schema or None
    if to is not None and any(value is not None for value in contract_options):
        raise Failure(
            "With --to the file has its contract already.",
            "Leave out --description, --size-limit, --schema and --enforce-schema.",
            ExitStatus.WRONG_USAGE,
        )
    contract = read_schema(schema) if schema is not None else (enforce_schema or None)
    reading = read_reading(dialect, encoding)
    with open_client(output) as client:
        if to is not None:
            delivery = _deliver(client, output, path, to, reading)
        else:
            delivery = _upload(client, output, path, description, size_limit, contract, reading)
        if not wait:
            _print_delivery(output, delivery)
            return
        task = watch_to_end(client, delivery.task_id, output)
        if task.status == "succeeded":
            _check_sha256(client, task, delivery)
    report_outcome(task, output, quiet="file_id")


def _upload(
    client: "Client",
    output: Output,
    path: Path,
    description: str | None,
    size_limit: int | None,
    contract: bool | Mapping[str, Any] | None,
    reading: ReadingOptions,
) -> Delivery:
    from entrepot_client.upload import default_size_limit

    if size_limit is None:
        size_limit = default_size_limit(path.stat().st_size)
        output.note(f"The size limit of the file is {format_size(size_limit)} (see --size-limit).")
    try:
        with ProgressBar(output, f"uploading {path.name}") as bar:
            return client.push(
                path,
                description=description,
                size_limit=size_limit,
                enforce_schema=contract,
                reading=reading,
                progress=bar.show,
                resume_in=state_folder(),
            )
    except KeyboardInterrupt:
        output.note(INTERRUPTED_NOTE)
        raise


def _deliver(
    client: "Client", output: Output, path: Path, file_id: str, reading: ReadingOptions
) -> Delivery:
    try:
        with ProgressBar(output, f"uploading {path.name}") as bar:
            return client.deliver(
                path, file_id, reading=reading, progress=bar.show, resume_in=state_folder()
            )
    except KeyboardInterrupt:
        output.note(INTERRUPTED_NOTE)
        raise


def state_folder() -> Path:
    """The folder for the state of running uploads; it may not exist."""
    return platformdirs.user_state_path("entrepot") / "uploads"


def _check_sha256(client: "Client", task: Task, delivery: Delivery) -> None:
    """Raise Failure if the server's bytes differ from those that were read from the disk."""
    file = client.file(task.file_id or "")
    if file.version == task.version and file.sha256 not in (None, delivery.sha256):
        raise Failure(
            f"The server has other bytes than were sent (SHA-256 {file.sha256}, "
            f"sent {delivery.sha256}).",
            "They were damaged on the way; push the file again and remove this one.",
        )


def _print_delivery(output: Output, delivery: Delivery) -> None:
    output.record(
        {"task_id": delivery.task_id, "file_size": delivery.size, "sha256": delivery.sha256},
        quiet="task_id",
        shown={
            "task id": delivery.task_id,
            "size": format_size(delivery.size),
            "SHA-256": delivery.sha256,
        },
    )
