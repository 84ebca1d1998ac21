"""`entrepot activity`: who did and read what, listed or kept, and if what was kept is whole."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot_client.cli.failures import Failure
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import signed_in
from entrepot_client.cli.sizes import span_option
from entrepot_client.models import Document

START = "0" * 64
"""What stands for the row before an account's first."""
EXAMPLE = "53c9c295-83f4-4754-a781-cd03841c806f"


class ExportFormat(StrEnum):
    """How activity is kept."""

    JSONL = "jsonl"
    CSV = "csv"


FileOption = Annotated[
    str | None,
    typer.Option("--file", help="Of this file alone.", metavar="FILE_ID", show_default=False),
]
ActionOption = Annotated[
    str | None,
    typer.Option(help="Of this kind alone, such as version.read.", show_default=False),
]
UserOption = Annotated[
    str | None, typer.Option(help="By this user alone, like acme:anna.", show_default=False)
]
SinceOption = Annotated[
    timedelta | None,
    typer.Option(
        help="Of the last hours or days alone, such as 12h or 90d.",
        parser=span_option,
        metavar="SPAN",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(help="Who did and read what: list it, keep it, check what was kept.")
    group.command("list", epilog=f"Example: entrepot activity list --file {EXAMPLE}")(list_activity)
    group.command("export", epilog="Example: entrepot activity export activity.jsonl")(export)
    group.command("verify", epilog="Example: entrepot activity verify activity.jsonl")(verify)
    app.add_typer(group, name="activity", epilog="Example: entrepot activity list --since 7d")


def list_activity(
    ctx: typer.Context,
    file: FileOption = None,
    action: ActionOption = None,
    user: UserOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, show_default=True)] = 50,
) -> None:
    """List what was done and read, the newest first.

    Of a file for its owner; of the account for admins with the scope admin; else what you did.
    """
    output = output_of(ctx)
    with signed_in(output) as client:
        found = list(client.activity(file, limit=limit, **_chosen(action, user, since)))
    output.records(
        found,
        quiet="hash",
        columns=("at", "action", "result", "user", "from", "file", "version", "detail"),
        rows=[_row(each) for each in found],
        empty="There is nothing of the kind.",
    )


def export(
    ctx: typer.Context,
    target: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    form: Annotated[
        ExportFormat,
        typer.Option("--as", help="jsonl, which can be checked, or csv.", show_default=True),
    ] = ExportFormat.JSONL,
    file: FileOption = None,
    action: ActionOption = None,
    user: UserOption = None,
    since: SinceOption = None,
) -> None:
    """Write what was done and read to a file, the oldest first."""
    output = output_of(ctx)
    try:
        with signed_in(output) as client, target.open("xb") as stream:
            try:
                client.export_activity(stream, form.value, file, **_chosen(action, user, since))
            except BaseException:
                with suppress(OSError):
                    target.unlink()  # a part would pass for the whole
                raise
    except FileExistsError as error:
        raise Failure(f"{target} is there already.", "Name another file, or remove it.") from error
    size = target.stat().st_size
    output.record(
        {"file": str(target), "bytes": size, "form": form.value},
        quiet="file",
        shown={"file": str(target), "bytes": f"{size:,}"},
    )


def verify(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="What `activity export` wrote, as jsonl.")],
) -> None:
    """Check that no row of an exported record was changed, removed or put in.

    Of an account's whole record: what is left out of an export is missing in its chain. Exit status
    1 when the chain is broken. Keep the last hash elsewhere: in a later export it must be there
    again.
    """
    output = output_of(ctx)
    rows, last = 0, START
    with source.open(encoding="utf-8") as lines:
        for line in lines:
            rows += 1
            told, right = _hashes(line, last, rows)
            if told != right:
                raise Failure(
                    f"Row {rows} of {source} was changed or put in, or rows before it are missing.",
                    "Export the account's whole record, and ask the server's operator for"
                    " `entrepot doctor --deep`.",
                )
            last = told
    output.record(
        {"rows": rows, "hash": last},
        quiet="hash",
        shown={"rows": f"{rows:,}", "last hash": last},
    )


def _hashes(line: str, before: str, number: int) -> tuple[str, str]:
    """The hash that a row tells, and the one that it has after `before`."""
    try:
        row: dict[str, Any] = json.loads(line)
        told = str(row.pop("hash"))
    except (ValueError, AttributeError, KeyError) as error:
        raise Failure(
            f"Line {number} is no row of an exported record.",
            "Export it by `entrepot activity export FILE`.",
        ) from error
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return told, sha256(f"{before}\n{text}".encode()).hexdigest()


def _chosen(action: str | None, user: str | None, since: timedelta | None) -> dict[str, str]:
    begin = (datetime.now(UTC) - since).isoformat() if since is not None else None
    given = {"action": action, "user_name": user, "since": begin}
    return {name: value for name, value in given.items() if value is not None}


def _row(each: Document) -> tuple[str, ...]:
    detail = each.get("detail") or {}
    said = (f"{name} {_plain(value)}" for name, value in detail.items())
    return (
        str(each["at"])[:19].replace("T", " "),
        str(each["action"]),
        str(each.get("result") or ""),
        str(each.get("user_name") or ""),
        str(each.get("address") or ""),
        str(each.get("file_id") or ""),
        str(each.get("version") or ""),
        ", ".join(said),
    )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
