"""What the forms call their fields and choices, also where a form is shown again after its session
has ended, and is not the form itself."""

from collections.abc import Mapping

from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS, SCOPE_LABELS

FIELD_LABELS = {
    "accept": "Change it anyway, with its breaking changes",
    "accept.reason": "Why",
    "after": "Later version",
    "before": "Earlier version",
    "confirm": "The file's name",
    "contract": "Schema",
    "decision": "Decision",
    "encoding": "Encoding (optional)",
    "entitlement": "They may",
    "expires": "Ends",
    "file": "File",
    "file_description": "Description (optional)",
    "file_name": "Name",
    "file_size_limit": "Size limit",
    "for_account": "For the whole account",
    "format": "To read",
    "keep": "Versions that are kept",
    "keep_number": "How many",
    "key": "Key",
    "keys.expires": "Expires",
    "keys.name": "Name",
    "kind": "It allows",
    "max_uses": "Uses (optional)",
    "name": "Name (optional)",
    "offer_to": "New owner",
    "only_check": "Only check it, store nothing",
    "owner.user_name": "New owner",
    "password": "Password (optional)",
    "path": "Path (optional)",
    "purge": "Also remove its bytes, its report and its other formats now",
    "reason": "Reason",
    "replaces": "Corrects version",
    "schema": "Table Schema as JSON",
    "scope": "It may",
    "settings.file_description": "Description",
    "table_dialect": "Table Dialect as JSON (optional)",
    "upload_id": "Upload",
    "user_name": "User",
    "version": "Version to read (optional)",
}
"""By the field's name; where forms differ, by the end of the form's address and the name."""
CONTRACT_LABELS = {
    "none": "Not enforced: publish every delivery; problems are only warnings",
    "infer": "Enforced, inferred from this file: reject later versions that break it",
    "given": "Enforced, as given here: reject deliveries that break it",
}
FORM_LABELS = {
    "": "as it was delivered",
    "csv": "CSV",
    "parquet": "Parquet",
    "jsonl": "JSON Lines",
    "arrow": "Arrow",
}
KEPT_LABELS = {"": "all of them", "keep_last": "the newest", "days": "of the last days"}
"""What is kept of the published versions."""
PERIOD_LABELS = {
    "": "never",
    "1": "in a day",
    "7": "in 7 days",
    "30": "in 30 days",
    "90": "in 90 days",
    "365": "in a year",
}
"""When something ends: days as forms send them."""
_YES = {"yes": "yes", "true": "yes", "": "no"}
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "accept": _YES,
    "contract": CONTRACT_LABELS,
    "entitlement": ENTITLEMENT_LABELS,
    "expires": PERIOD_LABELS,
    "for_account": _YES,
    "format": FORM_LABELS,
    "keep": KEPT_LABELS,
    "only_check": _YES,
    "purge": _YES,
    "scope": SCOPE_LABELS,
}


def periods(*days: str) -> tuple[tuple[str, str], ...]:
    """The choices of a form for when something ends."""
    return tuple((each, PERIOD_LABELS[each]) for each in days)


def field_label(path: str, name: str) -> str:
    """What the form that is sent to this path calls a field."""
    act = path.partition("?")[0].rpartition("/")[2]
    label = FIELD_LABELS.get(f"{act}.{name}") or FIELD_LABELS.get(name)
    return (label or name.replace("_", " ").capitalize()).removesuffix(" (optional)")


def value_label(name: str, value: str) -> str:
    """What the form shows for the value of a field."""
    return _CHOICES.get(name, {}).get(value, value)
