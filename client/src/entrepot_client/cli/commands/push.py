"""`entrepot push`: define files and deliver their first versions, or further versions."""

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from entrepot_client import errors
from entrepot_client.cli.arguments import FILE_HELP
from entrepot_client.cli.commands.tasks import report_delivery, watch_to_end
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
from entrepot_client.counts import counted
from entrepot_client.lookup import is_id
from entrepot_client.models import Acknowledgement, File, Task

if TYPE_CHECKING:
    from entrepot_client.batch import BatchOptions
    from entrepot_client.client import Client
    from entrepot_client.delivery import Delivery
    from entrepot_client.transfers.upload import BeginCallback


class _PushSource(NamedTuple):
    """What is uploaded: a file, what the person typed for it, and the name that they gave it."""

    path: Path
    typed: str
    name: str | None


AddressOption = Annotated[
    str | None,
    typer.Option(
        "--path",
        metavar="ADDRESS",
        help="The address of the new file in your account, such as sales/2026/orders.",
        show_default=False,
    ),
]
INTERRUPTED_NOTE = "The upload was interrupted. Push it again: a file of 8 MiB and more is resumed."


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "push", epilog="Example: entrepot push orders.csv --size-limit 100MB --enforce-schema"
    )(push)


def push(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files and folders to upload, or - for stdin."),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help=f"Upload a further version of this file. {FILE_HELP}",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The name of the file; needed for stdin.", show_default=False),
    ] = None,
    at_path: AddressOption = None,
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
        typer.Option(
            "--enforce-schema", help="Infer the schema; later versions must conform to it."
        ),
    ] = False,
    dialect: DialectOption = None,
    encoding: EncodingOption = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until it is published or rejected.")
    ] = True,
) -> None:
    """Upload files: new ones, or further versions.

    One path defines a new file, or with --to delivers a further version of a file. Several paths,
    and all files below a folder, are uploaded together: each is a further version of your file of
    the same name, or a new file; what has not changed is not sent, so the command can be repeated.
    Files of one name in different folders below PATH get an address each, such as PATH/a/x.csv.

    A file of 8 MiB and more resumes after a lost connection, and when it is pushed again after the
    program was ended. `entrepot schema set` changes --dialect and --encoding of a published file.

    Prints the file's id once it is published; with --no-wait the task's id, immediately. Exit
    status 5 when the contract rejected it (its first errors are shown), 6 when it is over a limit.
    """
    output = output_of(ctx)
    _check_options(to, at_path, description, size_limit, schema, enforce_schema)
    from entrepot_client.batch import BatchOptions

    options = BatchOptions(
        description=description,
        size_limit=size_limit,
        enforce_schema=read_schema(schema) if schema is not None else (enforce_schema or None),
        reading=read_reading(dialect, encoding),
        resume_in=state_folder(),
    )
    if len(paths) > 1 or (paths[0] != "-" and Path(paths[0]).is_dir()):
        _push_many(output, paths, to or name or at_path, options, wait)
        return
    with _source(paths[0], name, to) as path, open_client(output) as client:
        source = _PushSource(path, paths[0], name)
        _push_one(client, output, source, to, at_path, options, wait)


def _push_many(
    output: Output, paths: list[str], for_one: str | None, options: "BatchOptions", wait: bool
) -> None:
    if for_one is not None:
        raise Failure(
            "--to, --name and --path are for one file.",
            "Push several files without them, or each by itself.",
            ExitStatus.WRONG_USAGE,
        )
    from entrepot_client.cli.push_many import push_many

    push_many(output, paths, options, wait)


def _check_options(
    to: str | None,
    at_path: str | None,
    description: str | None,
    size_limit: int | None,
    schema: Path | None,
    enforce_schema: bool,
) -> None:
    if schema is not None and enforce_schema:
        raise Failure(
            "--schema and --enforce-schema exclude each other.",
            "Give --schema alone: a given schema is always enforced.",
            ExitStatus.WRONG_USAGE,
        )
    contract_options = at_path, description, size_limit, schema, enforce_schema or None
    if to is not None and any(value is not None for value in contract_options):
        raise Failure(
            "With --to the file has its contract already.",
            f"Change it with `entrepot files edit {to}` and `entrepot schema set {to}`.",
            ExitStatus.WRONG_USAGE,
        )


@contextmanager
def _source(path: str, name: str | None, to: str | None) -> Iterator[Path]:
    """The file to upload. What comes from stdin is written to a file first: its size and its digest
    are sent before it."""
    if path != "-":
        if not Path(path).is_file():
            from entrepot_client.cli.push_many import no_file

            raise no_file(path)
        yield Path(path)
        return
    if name is None and to is None:
        raise Failure(
            "What comes from stdin has no name.",
            "Give one: `entrepot push - --name orders.csv`.",
            ExitStatus.WRONG_USAGE,
        )
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        spooled = Path(folder) / "stdin"
        with spooled.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        yield spooled


def _push_one(
    client: "Client",
    output: Output,
    source: _PushSource,
    to: str | None,
    at_path: str | None,
    options: "BatchOptions",
    wait: bool,
) -> None:
    file_id = None
    if to is not None:
        file_id = client.find_id(to)
        if source.typed == "-" and source.name is None:
            source = source._replace(name=client.file(file_id).file_name)
    reference = to or at_path
    named_alone, warning = False, ""
    if reference is None:
        named_alone, warning = _look_for_others(client, source)

    def begin(arrived: int) -> None:
        if arrived:
            output.note(_resumed_note(arrived, source.path.stat().st_size))
        elif warning:
            output.warning(warning)

    delivery = _upload(client, output, source, file_id, at_path, options, begin)
    if not wait:
        _print_delivery(output, delivery)
        return
    task = watch_to_end(client, delivery.task_id, output)
    file = None
    if task.status == "succeeded":
        file = client.file(task.file_id or "")
        _check_sha256(file, task, delivery)
    if named_alone:
        reference = task.file_name
    report_delivery(client, task, output, "file_id", source.typed, reference, file)


def _resumed_note(arrived: int, size: int) -> str:
    if arrived >= size:
        return "An earlier run has sent all of this file. This run makes no other file."
    return (
        f"An upload of this file was interrupted, and continues: {format_size(arrived)} of"
        f" {format_size(size)} had arrived."
    )


def _look_for_others(client: "Client", source: _PushSource) -> tuple[bool, str]:
    """Whether the new file will be the only one of its name, so that the name stands for it; and a
    warning for a new file.

    If the person may deliver to others of this name, it says how: a second file of the same name is
    seldom meant.
    """
    name = source.name or source.path.name
    try:
        same_name = [file for file in client.files(name=name) if file.file_name == name]
    except (errors.Forbidden, errors.Invalid):  # the key may not list files, or not by such a name
        return False, ""
    others = [file for file in same_name if "w" in file.entitlement]
    warning = ""
    if others:
        push = f"`entrepot push {shlex.quote(source.typed)} --to {others[0].reference}`"
        what, which = f"Another file has the name {name!r}", "it"
        if len(others) > 1:
            what = f"{counted(len(others), 'other file')} have the name {name!r}"
            which = "the oldest of them"
        warning = f"This makes a new file. {what}. To deliver to {which}: {push}."
    return not same_name and not is_id(name) and not name.startswith("-"), warning


def _upload(
    client: "Client",
    output: Output,
    source: _PushSource,
    file_id: str | None,
    at_path: str | None,
    options: "BatchOptions",
    begin: "BeginCallback",
) -> "Delivery":
    path, name = source.path, source.name
    size_limit = options.size_limit
    if file_id is None and size_limit is None:
        from entrepot_client.transfers.upload import default_size_limit

        size_limit = default_size_limit(path.stat().st_size)
        output.note(f"The size limit of the file is {format_size(size_limit)} (see --size-limit).")
    try:
        with ProgressBar(output, f"uploading {name or path.name}") as bar:
            return client.push(
                path,
                to=file_id,
                name=name,
                path=at_path,
                description=options.description,
                size_limit=size_limit,
                enforce_schema=options.enforce_schema,
                reading=options.reading,
                progress=bar.show,
                begin=begin,
                resume_in=options.resume_in,
            )
    except errors.OverLimit as error:
        if error.code != "file-too-large" or file_id is None:
            raise
        raise Failure(
            str(error),
            f"Its owner can raise the limit: `entrepot files edit {file_id} --size-limit SIZE`.",
            ExitStatus.OVER_LIMIT,
            figures={"problem": error.document},
        ) from error
    except errors.Conflict as error:
        taken_by = str(error.figures.get("taken_by"))
        if error.code != "path-taken" or taken_by.lower() != (at_path or "").lower():
            raise
        raise Failure(
            str(error),
            f"Deliver a further version to it: `entrepot push {source.typed} --to {taken_by}`.",
            figures={"problem": error.document},
        ) from error
    except KeyboardInterrupt:
        output.note(INTERRUPTED_NOTE)
        raise


def state_folder() -> Path:
    """The folder for the state of running uploads; it may not exist."""
    import platformdirs

    return platformdirs.user_state_path("entrepot") / "uploads"


def _check_sha256(file: File, task: Task, delivery: Acknowledgement) -> None:
    """Raise Failure if the server's bytes differ from those that were read from the disk."""
    if file.version == task.version and file.sha256 not in (None, delivery.sha256):
        raise Failure(
            f"The server has other bytes than were sent (SHA-256 {file.sha256}, "
            f"sent {delivery.sha256}).",
            "They were damaged on the way. Push it again:"
            f" `entrepot push PATH --to {task.reference}`.",
        )


def _print_delivery(output: Output, delivery: Acknowledgement) -> None:
    output.record(
        {"task_id": delivery.task_id, "file_size": delivery.size, "sha256": delivery.sha256},
        quiet="task_id",
        shown={
            "task id": delivery.task_id,
            "size": format_size(delivery.size),
            "SHA-256": delivery.sha256,
        },
    )
