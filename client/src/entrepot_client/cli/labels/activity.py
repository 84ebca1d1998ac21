"""A row of the record of activity in words, as the program and the pages show it.

What is not known yet is shown as it is.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS, scopes_label
from entrepot_client.cli.sizes import format_size
from entrepot_client.counts import counted

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
    "version.withdraw": "Withdrawn",
    "version.unwithdraw": "Withdrawal undone",
    "file.define": "Defined",
    "file.validate": "Validated",
    "file.change": "Changed",
    "file.delete": "Deleted",
    "file.undelete": "Deletion undone",
    "file.purge": "Removed permanently",
    "file.offer": "Offered",
    "file.transfer": "Handed over",
    "file.decline": "Offer declined",
    "file.withdraw": "Offer withdrawn",
    "version.compare": "Compared",
    "schema.propose": "Schema proposed",
    "schema.change": "Schema changed",
    "upload.end": "Upload ended",
    "entitlement.grant": "Shared",
    "entitlement.revoke": "Sharing ended",
    "entitlement.decline": "Share declined",
    "link.create": "Link created",
    "link.revoke": "Link revoked",
    "sender.decide": "Sender decision",
    "user.create": "User created",
    "user.change": "User changed",
    "user.delete": "User deleted",
    "user.password": "Password set",
    "user.link": "Sign-in link created",
    "user.sign-out": "Sessions ended",
    "account.suspend": "Account suspended",
    "account.resume": "Account resumed",
    "session.create": "Signed in",
    "session.fail": "Sign-in failed",
    "session.end": "Signed out",
    "access.refuse": "Access refused",
    "key.first-use": "New network of a key",
    "key.create": "Key created",
    "key.revoke": "Key revoked",
}
BY_OPERATORS = ("user.", "key.", "account.")
"""What nobody does without a user's name but an operator."""
HIDDEN_DETAILS = ("sha256", "key_id", "link_id", "task_id", "offered_by")
ENTITLEMENT_PREPOSITIONS = {"user_name": "with", "entitlement": "to", "expires_at": "until"}
"""What the parts of an entitlement are called, whose names say too little to a reader."""
LABELS = {
    "file_name": "",
    "size": "",
    "bytes": "",
    "user_name": "user",
    "scopes": "may",
    "link_name": "for",
    "expires_at": "expires",
    "kind": "to",
    "max_uses": "at most",
    "before": "version",
    "after": "with version",
    "accepted_from": "from version",
    "restored_from": "from version",
    "reason": "reason:",
    "decision": "",
    "changes": "",
}
"""What the other parts are called, where that is not their name in the record; some need none."""
COUNTED = {"max_uses": "use", "changes": "change"}
"""Parts that are numbers, each with what it counts."""
REPORT = "report.csv"
"""The form of a version that has its rejected rows."""
UNSET = {"decision": "no longer accepted or blocked"}
"""Parts that also say something when they are null."""
FLAGS = {"purge": "its bytes were removed", "disabled": "disabled", "for_account": "for everybody"}
"""Parts that are shown only if they are true."""
LONG_TEXT = re.compile(r"sha256:[0-9a-f]{64} \(([\d,]+) characters\)")
"""How the record keeps a long text (`activity.record`)."""
VERDICTS = {
    "conforms": "keeps its contract",
    "violates": "breaks its contract",
    "not-tabular": "is not a table",
}
EXCEPTION = {"violates": "as an exception: it breaks its contract"}
"""What the verdict on a published version is called."""
PUNCTUATION = tuple(".,;:!?")
"""Of a text that ends with one, readers could not see where it ends without quotes."""
MAX_PARTS = 6
"""Parts of a detail that one line shows."""
MAX_PART_CHARS = 120
"""Characters of one part."""


def action_label(action: str) -> str:
    """What was done, such as `Delivered` for `version.deliver`."""
    return ACTIONS.get(action) or _short_text(action)


def actor_label(action: str, user_name: str | None) -> str:
    """Who did it: a user, or who does such things without a user's name."""
    return user_name or ("operator" if action.startswith(BY_OPERATORS) else "the server")


def describe_detail(action: str, detail: Mapping[str, Any], result: str | None) -> str:
    """What else there is to say of an action, in words; empty if there is nothing."""
    if action == "version.read":
        return _read(detail, result)
    shown_details = [
        (name, value)
        for name, value in detail.items()
        if (value not in (None, "", [], {}) or name in UNSET) and name not in HIDDEN_DETAILS
    ]
    parts = [_part(action, name, value) for name, value in shown_details]
    if detail.get("file_name") == "":
        parts.insert(0, "without a name")
    return ", ".join([part for part in parts if part][:MAX_PARTS])


def _part(action: str, name: str, value: Any) -> str:
    if name == "verdict" and value in VERDICTS:
        verdicts = VERDICTS | (EXCEPTION if action == "version.publish" else {})
        return verdicts[value]
    if value is None and name in UNSET:
        return UNSET[name]
    if name in FLAGS and isinstance(value, bool):
        return FLAGS[name] if value else ""
    labels = LABELS | (ENTITLEMENT_PREPOSITIONS if action.startswith("entitlement.") else {})
    label = labels.get(name, name.replace("_", " "))
    return f"{label} {_formatted(name, value) or _value(name, value)}".lstrip()


def _formatted(name: str, value: Any) -> str | None:
    """What an entitlement or a key allows, or a time, as people write it; None for all else."""
    if name == "entitlement" and value in ENTITLEMENT_LABELS:
        return ENTITLEMENT_LABELS[value]
    if name == "scopes":
        return scopes_label(value)
    number = len(value) if isinstance(value, list) else value
    if name in COUNTED and isinstance(number, int):
        return counted(number, COUNTED[name])
    with suppress(ValueError):
        if name.endswith("_at") and isinstance(value, str):
            return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    return None


def _read(detail: Mapping[str, Any], result: str | None) -> str:
    form, requests = detail.get("form"), detail.get("requests", 1)
    parts = [
        "redirected to the store" if result == "redirected" else format_size(detail.get("bytes", 0))
    ]
    if form == REPORT:
        parts.insert(0, "the rejected rows")
    elif form != "original":
        parts.append(f"as {_short_text(form)}")
    if requests != 1:
        parts.append(f"in {counted(requests, 'request')}")
    if result == "broken off":
        parts.append("broken off")
    return ", ".join(parts)


def _value(name: str, value: Any) -> str:
    if name in ("size", "bytes") and isinstance(value, int):
        return format_size(value)
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return f"from {_quote(value['from'])} to {_quote(value['to'])}"
    if not isinstance(value, list):
        short = _short_text(value)
        return f"“{short}”" if short.endswith(PUNCTUATION) else short
    if any(isinstance(each, dict) for each in value):
        return f"{len(value):,}"
    return _short_text(value[:MAX_PARTS])


def _quote(value: Any) -> str:
    return f"“{_short_text(value)}”" if isinstance(value, str) else _short_text(value)


def _short_text(value: Any) -> str:
    """A short text on one line."""
    if isinstance(value, str) and (long := LONG_TEXT.fullmatch(value)):
        return f"a text of {long[1]} characters"
    text = _words(value)[: MAX_PART_CHARS + 1]
    return text if len(text) <= MAX_PART_CHARS else text[: MAX_PART_CHARS - 1] + "…"


def _words(value: Any) -> str:
    """A value of a document as people write it, not as Python or JSON does."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = islice(value.items(), MAX_PARTS)
        return ", ".join(f"{name.replace('_', ' ')} {_words(each)}" for name, each in parts)
    if isinstance(value, list):
        return ", ".join(map(_words, value[:MAX_PARTS]))
    return str(value)
