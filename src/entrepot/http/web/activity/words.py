"""A row of the record in words; what is not known yet is shown as it is."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from entrepot.files.queries.activity import ActivityRow
from entrepot.http.web.entitled import WORDS
from entrepot.http.web.figures import exact_time, number, size

ACTIONS = {
    "version.read": "Read",
    "version.deliver": "Delivered",
    "version.publish": "Published",
    "version.reject": "Rejected",
    "version.refuse": "Rejected",
    "version.cancel": "Canceled",
    "version.fail": "Not inspected",
    "version.restore": "Restored",
    "version.accept": "Accepted",
    "version.accept-suggestion": "Suggestion accepted",
    "version.delete": "Version deleted",
    "version.undelete": "Deletion undone",
    "file.define": "Defined",
    "file.validate": "Validated",
    "file.change": "Changed",
    "file.delete": "Deleted",
    "file.undelete": "Deletion undone",
    "file.purge": "Gone for good",
    "file.offer": "Offered",
    "file.transfer": "Handed over",
    "file.decline": "Offer declined",
    "file.withdraw": "Offer taken back",
    "version.compare": "Compared",
    "schema.propose": "Schema proposed",
    "schema.change": "Schema changed",
    "entitlement.grant": "Shared",
    "entitlement.revoke": "Sharing ended",
    "user.create": "User made",
    "user.change": "User changed",
    "user.delete": "User removed",
    "user.password": "Password set",
    "key.create": "Key made",
    "key.revoke": "Key revoked",
}
BADGES = {
    "version.reject": "bad",
    "version.refuse": "bad",
    "version.fail": "bad",
    "version.publish": "good",
}
"""Actions that are shown by a badge."""
BY_OPERATORS = ("user.", "key.")
"""What nobody does without a user's name but an operator."""
LEFT_OUT = ("sha256", "key_id", "task_id", "offered_by")
SAID_AS = {"user_name": "with", "entitlement": "to", "expires_at": "until"}
"""What the parts of an entitlement are called, whose names say too little to a reader."""
VERDICTS = {
    "conforms": "keeps its contract",
    "violates": "breaks its contract",
    "not-tabular": "is not a table",
}
PARTS_SHOWN = 6
LONGEST = 120
"""Characters of one part."""


@dataclass(frozen=True)
class ActivityLine:
    """One row: when, what, by whom, from where, of which file, and what else there is to say."""

    at: datetime
    words: str
    badge: str | None
    who: str | None
    otherwise: str
    by_key: bool
    address: str | None
    file_id: str | None
    file_name: str | None
    version: int | None
    said: str


def lines_of(
    found: Sequence[ActivityRow], names: Mapping[str, str] | None = None
) -> list[ActivityLine]:
    """Rows as a page shows them; `names` are those of the files that the reader knows, by id."""
    return [_line(entry, names or {}) for entry in found]


def _line(entry: ActivityRow, names: Mapping[str, str]) -> ActivityLine:
    said = entry.fields
    return ActivityLine(
        at=entry.at,
        words=ACTIONS.get(said["action"]) or _plain(said["action"]),
        badge=BADGES.get(said["action"]),
        who=said["user_name"],
        otherwise="operator" if said["action"].startswith(BY_OPERATORS) else "the server",
        by_key=said["key_id"] is not None,
        address=said["address"],
        file_id=said["file_id"],
        file_name=names.get(said["file_id"] or ""),
        version=said["version"],
        said=_detail(said["action"], said["detail"], said["result"]),
    )


def _detail(action: str, detail: Mapping[str, Any], result: str | None) -> str:
    if action == "version.read":
        return _read(detail, result)
    told = [
        (name, value)
        for name, value in detail.items()
        if value not in (None, "", [], {}) and name not in LEFT_OUT
    ]
    parts = [_part(action, name, value) for name, value in told]
    return ", ".join(parts[:PARTS_SHOWN])


def _part(action: str, name: str, value: Any) -> str:
    if name == "verdict" and value in VERDICTS:
        return VERDICTS[value]
    known = SAID_AS.get(name) if action.startswith("entitlement.") else None
    return f"{known or name.replace('_', ' ')} {_known(name, value) or _value(name, value)}"


def _known(name: str, value: Any) -> str | None:
    """What an entitlement allows, or a time, as the pages say it; None for all else."""
    if name == "entitlement" and value in WORDS:
        return WORDS[value]
    with suppress(ValueError):
        if name.endswith("_at") and isinstance(value, str):
            return exact_time(datetime.fromisoformat(value))
    return None


def _read(detail: Mapping[str, Any], result: str | None) -> str:
    form, requests = detail.get("form"), detail.get("requests", 1)
    parts = [size(detail.get("bytes", 0))]
    if form != "original":
        parts.append(f"as {_plain(form)}")
    if requests != 1:
        parts.append(f"in {number(requests)} requests")
    if result == "broken off":
        parts.append("broken off")
    return ", ".join(parts)


def _value(name: str, value: Any) -> str:
    if name in ("size", "bytes") and isinstance(value, int):
        return size(value)
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return f"from {_quoted(value['from'])} to {_quoted(value['to'])}"
    if not isinstance(value, list):
        return _plain(value)
    if any(isinstance(each, dict) for each in value):
        return number(len(value))
    return ", ".join(_plain(each) for each in value[:PARTS_SHOWN])


def _quoted(value: Any) -> str:
    return f"“{_plain(value)}”" if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    """A short text on one line."""
    text = "".join(char if char.isprintable() else "�" for char in str(value)[: LONGEST + 1])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
