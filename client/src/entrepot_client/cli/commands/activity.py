"""`entrepot activity`: list and export who did and read what, and verify an export."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot_client.cli.arguments import EXAMPLE_FILE
from entrepot_client.cli.failures import Failure
from entrepot_client.cli.labels.activity import action_label, actor_label, describe_detail
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import span_option
from entrepot_client.models import Document

SHORT_ID_CHARS = 8
"""Digits of an id, of which no two files of an account are likely to have the same."""
INITIAL_HASH = "0" * 64
"""The hash before an account's first row."""


class ExportFormat(StrEnum):
    """The format of an export."""

    JSONL = "jsonl"
    CSV = "csv"


FileOption = Annotated[
    str | None,
    typer.Option("--file", help="Only of this file.", metavar="FILE", show_default=False),
]
ActionOption = Annotated[
    str | None,
    typer.Option(help="Only this action, such as version.read.", show_default=False),
]
UserOption = Annotated[
    str | None, typer.Option(help="Only by this user, such as acme:anna.", show_default=False)
]
SinceOption = Annotated[
    timedelta | None,
    typer.Option(
        help="Only of this last time, such as 12h or 90d.",
        parser=span_option,
        metavar="SPAN",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(help="Who did and read what: list it, export it, verify it.")
    group.command("list", epilog=f"Example: entrepot activity list --file {EXAMPLE_FILE}")(
        list_activity
    )
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
    A file is shown by the first digits of its id, which name it in every command.
    `--format json` has them to the second, and the names of actions that --action takes.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file) if file is not None else None
        entries = list(client.activity(file_id, limit=limit, **_make_filters(action, user, since)))
    # The record's own order is that of writing: reads are written a little later.
    entries.sort(key=lambda entry: str(entry["at"]), reverse=True)
    output.records(
        entries,
        quiet="hash",
        columns=("at", "user", "action", "file", "from", "detail"),
        rows=[_row(entry, of_one_file=file_id is not None) for entry in entries],
        empty="No activity matches.",
    )


def export(
    ctx: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="The file to write; it must not exist yet.")
    ],
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
        with open_client(output) as client, target.open("xb") as stream:
            try:
                file_id = client.find_id(file) if file is not None else None
                client.export_activity(
                    stream, form.value, file_id, **_make_filters(action, user, since)
                )
            except BaseException:
                with suppress(OSError):
                    target.unlink()  # a part would pass for the whole
                raise
    except FileExistsError as error:
        raise Failure(f"{target} exists already.", "Give another path, or remove it.") from error
    size = target.stat().st_size
    output.record(
        {"file": str(target), "bytes": size, "form": form.value},
        quiet="file",
        shown={"file": str(target), "bytes": f"{size:,}"},
    )


def verify(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="RECORD", help="What `activity export` wrote, as jsonl.")
    ],
) -> None:
    """Check that no row of an exported record was changed, removed or added.

    In the whole record of an account, this also finds rows that are missing. In a part of it, such
    as the record of one file, it checks each row by itself. Exit status 1 if a row is wrong. Keep
    the last hash elsewhere: a later export must contain it.
    """
    output = output_of(ctx)
    rows, last_hash, is_whole = 0, INITIAL_HASH, True
    with source.open(encoding="utf-8") as lines:
        for line in lines:
            rows += 1
            row = _parse_row(line, rows)
            is_whole = is_whole and row.previous_hash is None
            if row.hash != row.compute_hash(last_hash):
                raise Failure(
                    f"Row {rows} of {source} was changed or added, or rows before it are missing.",
                    "Export it again. An export of an earlier release that has filters, or is not"
                    " of a whole account, cannot be verified. If the whole record fails, ask the"
                    " server's operator for `entrepot doctor --deep`.",
                )
            last_hash = row.hash
    part = "no: each row is as it was written, but rows may be left out"
    output.record(
        {"rows": rows, "hash": last_hash, "whole": is_whole},
        quiet="hash",
        shown={
            "rows": f"{rows:,}",
            "last hash": last_hash,
            "whole record": "yes" if is_whole else part,
        },
    )


@dataclass(frozen=True)
class _Row:
    """A line of an export; `previous_hash` is there where rows are left out before it."""

    text: str
    hash: str
    previous_hash: str | None

    def compute_hash(self, last_hash: str) -> str:
        """The hash that the row must have, after a row with the hash `last_hash`."""
        previous_hash = self.previous_hash or last_hash
        return sha256(f"{previous_hash}\n{self.text}".encode()).hexdigest()


def _parse_row(line: str, number: int) -> _Row:
    try:
        row: dict[str, Any] = json.loads(line)
        stated_hash, previous_hash = str(row.pop("hash")), row.pop("previous_hash", None)
    except (ValueError, AttributeError, KeyError) as error:
        raise Failure(
            f"Line {number} is not a row of an exported record.",
            "`entrepot activity export FILE` writes one.",
        ) from error
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return _Row(text, stated_hash, None if previous_hash is None else str(previous_hash))


def _make_filters(action: str | None, user: str | None, since: timedelta | None) -> dict[str, str]:
    since_time = (datetime.now(UTC) - since).isoformat() if since is not None else None
    filters = {"action": action, "user_name": user, "since": since_time}
    return {name: value for name, value in filters.items() if value is not None}


def _row(entry: Document, of_one_file: bool) -> tuple[str, ...]:
    action, version = str(entry["action"]), entry.get("version")
    # The version is a part of the detail, which stays at every width.
    parts = [
        "" if version is None else f"version {version}",
        describe_detail(action, entry.get("detail") or {}, str(entry.get("result") or "")),
    ]
    return (
        str(entry["at"]),
        actor_label(action, entry.get("user_name")),
        action_label(action),
        "" if of_one_file else str(entry.get("file_id") or "")[:SHORT_ID_CHARS],
        str(entry.get("address") or ""),
        ", ".join(part for part in parts if part),
    )
