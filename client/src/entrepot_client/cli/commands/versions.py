"""`entrepot files versions|compare|restore|accept|accept-suggestion`: a file's versions."""

from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client.cli.commands.tasks import report_delivery, watch_to_end
from entrepot_client.cli.comparison import show_comparison
from entrepot_client.cli.explain import explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size
from entrepot_client.models import Document

if TYPE_CHECKING:
    from entrepot_client.client import Client

_EXAMPLE_ID = "53c9c295-83f4-4754-a781-cd03841c806f"
FileId = Annotated[str, typer.Argument(metavar="FILE_ID", help="The file's id.")]
Number = Annotated[int, typer.Argument(metavar="VERSION", help="The version's number.", min=1)]


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    files.command("versions", epilog=f"Example: entrepot files versions {_EXAMPLE_ID}")(
        list_versions
    )
    files.command("restore", epilog=f"Example: entrepot files restore {_EXAMPLE_ID} 3")(restore)
    example = f"Example: entrepot files compare {_EXAMPLE_ID} 2 3 --key id"
    files.command("compare", epilog=example)(compare)
    example = f'Example: entrepot files accept {_EXAMPLE_ID} 4 --reason "agreed by mail"'
    files.command("accept", epilog=example)(accept)
    example = f"Example: entrepot files accept-suggestion {_EXAMPLE_ID} 4"
    files.command("accept-suggestion", epilog=example)(accept_suggestion)


def list_versions(
    ctx: typer.Context,
    file_id: FileId,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, show_default=True)] = 20,
) -> None:
    """List a file's versions, the newest first, whatever became of them."""
    output = output_of(ctx)
    with open_client(output) as client:
        version_list = list(client.versions(file_id, limit))
    output.records(
        version_list,
        quiet="version",
        columns=("version", "status", "size", "rows", "by", "created", "note"),
        rows=[_row(version) for version in version_list],
        empty="There are no versions yet.",
    )


def restore(ctx: typer.Context, file_id: FileId, version: Number) -> None:
    """Make an earlier published version the newest one, under a new number.

    Exit status 5 when it breaks the contract that the file has by now, 6 when it is over a limit.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        _watch_and_report(client, client.restore(file_id, version), output)


def compare(
    ctx: typer.Context,
    file_id: FileId,
    before: Annotated[int, typer.Argument(help="The earlier version's number.", min=1)],
    after: Annotated[int, typer.Argument(help="The later one's.", min=1)],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A column of the key; may come repeatedly."),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows shown of each kind.")] = 10,
) -> None:
    """Say what differs between two versions of a file: columns and rows.

    Without --key the primary key of the file's schema counts, if it has one. With a key a row whose
    other cells differ is changed; without one it is removed and added. Exit status 1 if anything
    differs.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        task_id = client.compare(file_id, before, after, key or None, examples)
        failure = explain_task_failure(watch_to_end(client, task_id, output))
        if failure is not None:
            # Nothing was rejected here, as deliveries are.
            raise Failure(failure.what, "Name another key, or none.", figures=failure.figures)
        comparison = client.comparison(task_id)
    show_comparison(output, comparison)
    if not comparison["same"]:
        raise typer.Exit(ExitStatus.FAILED)


def accept(
    ctx: typer.Context,
    file_id: FileId,
    version: Number,
    reason: Annotated[
        str, typer.Option(help="Why it is published although it breaks the contract.")
    ],
) -> None:
    """Publish a rejected version all the same, under a new number. Only the file's owner may.

    The report goes on naming what breaks the contract, and the reason stays with the version.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        _watch_and_report(client, client.accept(file_id, version, reason), output)


def accept_suggestion(ctx: typer.Context, file_id: FileId, version: Number) -> None:
    """Change the contract as the report of a rejected version suggests, and deliver it once more.

    The version is judged by the changed contract and published under a new number. Only the file's
    owner may. Exit status 1 when nothing is suggested, or the contract has changed since.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        _watch_and_report(client, client.accept_suggestion(file_id, version), output)
        for change in client.schema(file_id).get("changes") or ():
            output.note(f"Changed: {change['change']}, {change['reason']}.")


def _watch_and_report(client: "Client", task_id: str, output: Output) -> None:
    report_delivery(client, watch_to_end(client, task_id, output), output, quiet="version")


def _row(version: Document) -> tuple[str, ...]:
    rows = version.get("row_count")
    return (
        str(version["version"]),
        str(version["status"]),
        format_size(version["file_size"]),
        "" if rows is None else f"{rows:,}",
        str(version["user_name"]),
        str(version["created_at"]),
        _note(version),
    )


def _note(version: Document) -> str:
    """The version's relation to an earlier one, or until when it can be restored."""
    notes = {
        "restored_from": "version {} restored",
        "accepted_from": "version {} accepted",
        "replaces": "corrects version {}",
        "quarantined_until": "kept until {}",
        "undo_until": "can be had back until {}",
    }
    parts = [text.format(version[key]) for key, text in notes.items() if version.get(key)]
    return ", ".join([*parts, *filter(None, [version.get("reason")])])
