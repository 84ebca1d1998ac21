"""The report: Frictionless v5 JSON, with additions of our own.

Added to the standard's keys: per error `lineNumber`, `byteOffset`; per task `errorCounts`
(by type and field, exact), `rowsRejected`, `truncated`, `summary`.
"""

from collections.abc import Sequence
from typing import Any

TITLES: dict[str, tuple[str, str]] = {
    "missing-label": ("Missing Label", "A column of the contract is not in the header."),
    "extra-label": ("Extra Label", "The header has a column that the contract lacks."),
    "incorrect-label": ("Incorrect Label", "A column is not named as in the contract."),
    "duplicate-label": ("Duplicate Label", "Two columns of the header have the same name."),
    "blank-label": ("Blank Label", "A column of the header has no name."),
    "unmatched-header": ("Unmatched Header", "No column of the header is one of the contract."),
    "missing-header": ("Missing Header", "The table has no row that names its columns."),
    "unsure-reading": ("Unsure Reading", "The file may be read in more than one way."),
    "no-rows": ("No Rows", "The table has no rows."),
    "too-few-rows": ("Too Few Rows", "The table has fewer rows than the contract expects."),
    "empty-column": ("Empty Column", "The column has no value in any row."),
    "blank-row": ("Blank Row", "This row has no value at all."),
    "missing-cell": ("Missing Cell", "This row has fewer cells than the header."),
    "extra-cell": ("Extra Cell", "This row has more cells than the header."),
    "type-error": ("Type Error", "The cell is no value of the field's type."),
    "constraint-error": ("Constraint Error", "The cell breaks a constraint of its field."),
    "unique-error": ("Unique Error", "The field is unique, and an earlier row has this value."),
    "foreign-key": ("ForeignKey Error", "The row refers to a value that no row has."),
    "primary-key": ("PrimaryKey Error", "The row's key is missing, or an earlier row has it."),
    "encoding-error": ("Encoding Error", "Bytes cannot be decoded."),
    "dialect-unsupported": (
        "Dialect Unsupported",
        "The dialect states what is not supported for files of this format.",
    ),
    "source-error": ("Source Error", "The data cannot be read as what it seems to be."),
}
TAGS: dict[str, list[str]] = {
    "blank-row": ["#table", "#row"],
    "primary-key": ["#table", "#row"],
    "foreign-key": ["#table", "#row"],
    "unmatched-header": ["#table", "#header"],
}
# A report stays readable, and bounded whatever the file's cells hold.
MAX_CELL_CHARS = 1_000
MAX_SHOWN_CELLS = 100


def problem(kind: str, note: str, **places: Any) -> dict[str, Any]:
    """One error of the report. `places` are its other keys; None leaves a key out."""
    title, description = TITLES[kind]
    if kind.endswith("-label"):
        tags = ["#table", "#header", "#label"]
    else:
        tags = TAGS.get(kind, ["#table", "#row", "#cell"] if "cell" in places else ["#table"])
    error = {
        "type": kind,
        "title": title,
        "description": description,
        "message": message_of(kind, note, places),
        "tags": tags,
        "note": note,
    }
    return error | {key: value for key, value in places.items() if value is not None}


def message_of(kind: str, note: str, places: dict[str, Any]) -> str:
    """The error in one sentence."""
    parts = []
    if places.get("rowNumber") is not None:
        parts.append(f"row {places['rowNumber']:,}")
    if places.get("fieldName"):
        parts.append(f"field {places['fieldName']!r}")
    elif places.get("fieldNumber"):
        parts.append(f"column {places['fieldNumber']}")
    where = f"At {', '.join(parts)}: " if parts else ""
    cell = f" The cell is {shortened(places['cell'], 100)!r}." if places.get("cell") else ""
    return f"{where}{TITLES[kind][1]}{cell}{f' ({note})' if note else ''}"


def shortened(text: str, length: int = MAX_CELL_CHARS) -> str:
    """At most `length` characters of `text`."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shown_cells(cells: Sequence[str | None]) -> list[str]:
    """The cells of a row as the report shows them: bounded in count and length."""
    return [shortened(cell or "", 200) for cell in cells[:MAX_SHOWN_CELLS]]


def file_report(
    name: str,
    size: int,
    errors: list[dict[str, Any]],
    warnings: list[str] | None = None,
    labels: Sequence[str] = (),
    rows: int | None = None,
    counts: list[dict[str, Any]] | None = None,
    rejected: int = 0,
    findings: list[dict[str, Any]] | None = None,
    summary: str = "",
) -> dict[str, Any]:
    """The report of one file of `size` bytes; `summary` is its outcome in words.

    `errors` are those listed, `counts` all of them by type and field; `findings` are errors
    that do not count because no contract is enforced.
    """
    counted = counts if counts is not None else _count_listed(errors)
    total = 0 if findings is not None else sum(each["count"] for each in counted)
    listed = findings if findings is not None else errors
    all_counted = sum(each["count"] for each in counted)
    stats: dict[str, Any] = {
        "errors": total,
        "warnings": len(warnings or []),
        "bytes": size,
        "fields": len(labels),
    }
    if rows is not None:
        stats["rows"] = rows
    task: dict[str, Any] = {
        "name": name,
        "type": "table" if labels else "file",
        "valid": total == 0,
        "summary": summary,
        "place": name,
        "labels": list(labels),
        "stats": stats,
        "warnings": warnings or [],
        "errors": [] if findings is not None else errors,
        "errorCounts": counted,
        "rowsRejected": rejected,
        "truncated": all_counted > len(listed),
    }
    if findings is not None:
        task["findings"] = findings
    return {
        "valid": total == 0,
        "stats": {"tasks": 1, "errors": total, "warnings": len(warnings or [])},
        "warnings": [],
        "errors": [],
        "tasks": [task],
    }


def _count_listed(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, str | None, int | None], int] = {}
    for error in errors:
        key = (error["type"], error.get("fieldName"), error.get("fieldNumber"))
        counts[key] = counts.get(key, 0) + 1
    return [count_entry(kind, name, number, n) for (kind, name, number), n in counts.items()]


def count_entry(
    kind: str, field_name: str | None, field_number: int | None, count: int, note: str = ""
) -> dict[str, Any]:
    """How many errors of one type (and rule, as `note`) one field has."""
    entry: dict[str, Any] = {"type": kind, "count": count}
    if field_number:
        entry |= {"fieldName": field_name or "", "fieldNumber": field_number}
    if note:
        entry["note"] = note
    return entry
