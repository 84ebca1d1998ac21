"""A row of the record in words; what is not known yet is shown as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from entrepot.files.queries.activity import ActivityRow, KnownFile
from entrepot.texts import replace_forbidden
from entrepot_client.cli.labels.activity import action_label, actor_label, describe_detail

BADGES = {
    "version.reject": "bad",
    "version.refuse": "bad",
    "version.fail": "bad",
    "version.publish": "good",
}
"""Actions that are shown by a badge."""


@dataclass(frozen=True)
class ActivityLine:
    """One row: when, what, by whom, from where, of which file, and what else there is to say."""

    at: datetime
    action: str
    badge: str | None
    user_name: str | None
    default_actor: str
    by_key: bool
    address: str | None
    file_id: str | None
    file_name: str | None
    file_path: str | None
    version: int | None
    detail: str


def activity_lines(
    rows: Sequence[ActivityRow], known: Mapping[str, KnownFile] | None = None
) -> list[ActivityLine]:
    """Rows as a page shows them; `known` are the files that the reader knows, by id."""
    return [_line(entry, known or {}) for entry in rows]


def _line(entry: ActivityRow, known: Mapping[str, KnownFile]) -> ActivityLine:
    fields = entry.fields
    file = known.get(fields["file_id"] or "")
    return ActivityLine(
        at=entry.at,
        action=replace_forbidden(action_label(fields["action"])),
        badge=BADGES.get(fields["action"]),
        user_name=fields["user_name"],
        default_actor=actor_label(fields["action"], None),
        by_key=fields["key_id"] is not None,
        address=fields["address"],
        file_id=fields["file_id"],
        file_name=file and file.name,
        file_path=file and file.path,
        version=fields["version"],
        detail=replace_forbidden(
            describe_detail(fields["action"], fields["detail"], fields["result"])
        ),
    )
