"""`entrepot files versions|compare|restore|accept|accept-suggestion`: a file's versions."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client.cli.arguments import EXAMPLE_FILE, FileArgument, VersionArgument
from entrepot_client.cli.commands.tasks import report_delivery, watch_to_end
from entrepot_client.cli.comparison import show_comparison
from entrepot_client.cli.explain import explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output, output_of, short_time
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size
from entrepot_client.models import Document

if TYPE_CHECKING:
    from entrepot_client.client import Client


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    files.command("versions", epilog=f"Example: entrepot files versions {EXAMPLE_FILE}")(
        list_versions
    )
    files.command("restore", epilog=f"Example: entrepot files restore {EXAMPLE_FILE} 3")(restore)
    example = f"Example: entrepot files compare {EXAMPLE_FILE} 2 3 --key id"
    files.command("compare", epilog=example)(compare)
    example = f'Example: entrepot files accept {EXAMPLE_FILE} 4 --reason "agreed by mail"'
    files.command("accept", epilog=example)(accept)
    example = f"Example: entrepot files accept-suggestion {EXAMPLE_FILE} 4"
    files.command("accept-suggestion", epilog=example)(accept_suggestion)


def list_versions(
    ctx: typer.Context,
    file: FileArgument,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, show_default=True)] = 20,
) -> None:
    """List a file's versions with any status, the newest first."""
    output = output_of(ctx)
    with open_client(output) as client:
        version_list = list(client.versions(client.find_id(file), limit))
    current = next((each for each in version_list if each["status"] == "published"), None)
    output.records(
        version_list,
        quiet="version",
        columns=("version", "status", "created", "size", "rows", "by", "note"),
        rows=[_row(version, version is current) for version in version_list],
        empty="There are no versions yet.",
    )


def restore(ctx: typer.Context, file: FileArgument, version: VersionArgument) -> None:
    """Make an earlier published version the newest one, under a new number.

    Exit status 5 when it breaks the current contract of the file, 6 when it is over a limit.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            task_id = client.restore(file_id, version)
        _watch_and_report(client, task_id, output, file)


def compare(
    ctx: typer.Context,
    file: FileArgument,
    before: Annotated[int, typer.Argument(help="The earlier version's number.", min=1)],
    after: Annotated[int, typer.Argument(help="The later version's number.", min=1)],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A column of the key; may be repeated."),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows shown of each kind.")] = 10,
) -> None:
    """Compare two versions of a file: columns and rows.

    Without --key the primary key of the file's schema is used, if it has one. With a key, a row
    whose other cells differ is changed; without one it is removed and added. Exit status 0: the
    same; 1: they differ; 2 and more: they could not be compared.
    """
    output = output_of(ctx)
    output.failed_status = ExitStatus.WRONG_USAGE
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, before, after):
            task_id = client.compare(file_id, before, after, key or None, examples)
        failure = explain_task_failure(watch_to_end(client, task_id, output))
        if failure is not None:
            # Nothing was rejected here, as deliveries are.
            raise Failure(failure.what, "Give another --key, or none.", figures=failure.figures)
        comparison = client.comparison(task_id)
    show_comparison(output, comparison)
    if not comparison["same"]:
        raise typer.Exit(ExitStatus.FAILED)


def accept(
    ctx: typer.Context,
    file: FileArgument,
    version: VersionArgument,
    reason: Annotated[
        str, typer.Option(help="Why it is published although it breaks the contract.")
    ],
) -> None:
    """Publish a rejected version as an exception, under a new number. Only the file's owner may.

    Its report still lists what breaks the contract, and the reason stays with the version.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            task_id = client.accept(file_id, version, reason)
        _watch_and_report(client, task_id, output, file)


def accept_suggestion(ctx: typer.Context, file: FileArgument, version: VersionArgument) -> None:
    """Change the contract as the report of a rejected version suggests, and deliver it again.

    The version is judged by the changed contract and published under a new number. Only the file's
    owner may. Exit status 1 when nothing is suggested, or the contract has changed since.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            task_id = client.accept_suggestion(file_id, version)
        _watch_and_report(client, task_id, output, file)
        for change in client.schema(file_id).get("changes") or ():
            output.note(f"Changed: {change['change']}, {change['reason']}.")


def _watch_and_report(client: "Client", task_id: str, output: Output, file: str) -> None:
    task = watch_to_end(client, task_id, output)
    report_delivery(client, task, output, quiet="version", reference=file)


def _row(version: Document, is_current: bool) -> tuple[str, ...]:
    rows = version.get("row_count")
    return (
        str(version["version"]),
        str(version["status"]),
        str(version["created_at"]),
        format_size(version["file_size"]),
        "" if rows is None else f"{rows:,}",
        str(version["user_name"]),
        "; ".join(filter(None, ("current" if is_current else "", _note(version)))),
    )


def _note(version: Document) -> str:
    """The version's relation to an earlier one, why it was withdrawn, or until when
    that or its deletion can be undone."""
    notes = {
        "restored_from": "version {} restored",
        "accepted_from": "version {} accepted",
        "replaces": "corrects version {}",
        "quarantined_until": "kept until {}",
        "undo_until": "can be undone until {}",
    }
    now = datetime.now(UTC).isoformat()
    # Without the hour, for which 80 columns have no room; `--format json` has it.
    parts = [
        text.format(short_time(str(version[key])).partition(" ")[0])
        for key, text in notes.items()
        if version.get(key) and (not key.endswith("until") or str(version[key]) > now)
    ]
    if version["status"] == "withdrawn" and str(version.get("undo_until") or "") <= now:
        parts.append("its bytes are removed")
    withdrawal = version.get("withdrawal") or {}
    reasons = version.get("reason"), withdrawal.get("reason")
    return ", ".join([*parts, *(f"reason: {reason}" for reason in reasons if reason)])
