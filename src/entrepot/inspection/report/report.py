"""The report: Frictionless v5 JSON, with additions of our own.

Added to the standard's keys: per error `code`, `reason`, `expected`, `example`, `advice`,
`lineNumber`, `byteOffset`; per task `errorCounts` (by type and field, exact), `rowsRejected`,
`truncated`, `summary`. Source of the keys: Frictionless 5, `Report` and the classes of its errors.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from entrepot.inspection.report.error_kinds import kind_of_code
from entrepot.inspection.report.sentence import Statement, sentence_of
from entrepot.inspection.report.where_to_state import where_to_state
from entrepot.inspection.table import Finding, PlaceUnit

# A report stays readable, and bounded whatever the file's cells hold.
MAX_CELL_CHARS = 1_000
MAX_SHOWN_CELLS = 100
REQUIRED_KEYS: dict[str, dict[str, Any]] = {
    "#label": {"label": "", "fieldName": "", "fieldNumber": 0},
    "#cell": {"cell": "", "fieldName": "", "fieldNumber": 0},
}
"""What Frictionless demands of errors with a tag, for those that have no such place."""


def problem(
    code: str, note: str = "", statement: Statement | None = None, **places: Any
) -> dict[str, Any]:
    """One error of the report, of a code of `error_kinds`.

    `statement` says what is wrong in parts of a sentence; without it `note` is its reason.
    `places` are its other keys; None leaves a key out. `finish_errors` writes its message.
    """
    kind = kind_of_code(code)
    stated = statement or Statement(note or _as_reason(kind.meaning))
    error = {
        "type": kind.type,
        "code": code,
        "title": kind.title,
        "description": kind.meaning,
        "message": "",
        "tags": list(kind.tags),
        "note": note or stated.reason,
        "reason": stated.reason,
        "expected": stated.expected or None,
        "example": stated.example or None,
        "advice": stated.advice or None,
        **places,
    }
    return {key: value for key, value in error.items() if value is not None}


def problem_of_finding(finding: Finding) -> dict[str, Any]:
    """The error of a fault that the reader found."""
    return problem(
        finding.code,
        "",
        Statement(finding.note, advice=finding.advice),
        rowNumber=finding.row,
        lineNumber=finding.line,
        byteOffset=finding.offset,
    )


def finish_errors(
    errors: Iterable[dict[str, Any]],
    unit: PlaceUnit,
    labels: Sequence[str] = (),
    header_rows: Sequence[int] = (1,),
    contract: bool = True,
) -> None:
    """Write the message of each error, whose place is known now, and give it the keys that
    Frictionless requires of its type, in place. `contract`: there is one already."""
    shown_labels = report_cells(labels)
    says_where = False
    for error in errors:
        tags = error["tags"]
        if "#header" in tags:
            error.setdefault("rowNumbers", list(header_rows))
            error["labels"] = shown_labels
        if "#row" in tags:
            error.setdefault("cells", [])
            error.setdefault("rowNumber", 0)
        for key, value in REQUIRED_KEYS.items():
            if key in tags:
                for name, default in value.items():
                    error.setdefault(name, default)
        advice = error.get("advice") or ""
        if not says_where and (where := where_to_state(f"{error['reason']} {advice}", contract)):
            error["advice"], says_where = f"{advice} {where}".strip(), True
        error["message"] = sentence_of(error, unit)


def _as_reason(meaning: str) -> str:
    return meaning[:1].lower() + meaning[1:].rstrip(".")


def shortened(text: str, length: int = MAX_CELL_CHARS) -> str:
    """At most `length` characters of `text`."""
    return text if len(text) <= length else text[: length - 1] + "…"


def report_cells(cells: Sequence[str | None]) -> list[str]:
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
        key = (error["code"], error.get("fieldName"), error.get("fieldNumber"))
        counts[key] = counts.get(key, 0) + 1
    return [count_entry(code, name, number, n) for (code, name, number), n in counts.items()]


def count_entry(
    code: str, field_name: str | None, field_number: int | None, count: int, note: str = ""
) -> dict[str, Any]:
    """How many errors of one code (and rule, as `note`) one field has."""
    entry: dict[str, Any] = {"type": kind_of_code(code).type, "code": code, "count": count}
    if field_number:
        entry |= {"fieldName": field_name or "", "fieldNumber": field_number}
    if note:
        entry["note"] = note
    return entry


def with_warnings(report: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """The report of a file with other warnings, and their counts."""
    table, *others = report["tasks"]
    more = len(warnings) - len(table["warnings"])
    table = {
        **table,
        "warnings": warnings,
        "stats": {**table["stats"], "warnings": len(warnings)},
    }
    total = {**report["stats"], "warnings": report["stats"]["warnings"] + more}
    return {**report, "stats": total, "tasks": [table, *others]}
