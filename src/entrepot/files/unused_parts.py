"""What a contract allows and nothing in the current version of its file uses, in sentences.

Earlier releases inferred more than occurs, and frozen schemas keep what they allow; a given one may
list what never came. Nothing is rejected for it: the owner sees what may be taken out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, select

from entrepot.db.tables import files, inspections, schema_revisions, versions
from entrepot.db.types import ReadConnection
from entrepot.files.versions import FileId
from entrepot.inspection.report.quoting import quoted

MAX_CONTRACTS = 1_000
"""Contracts that are looked through, those of the files that were changed last."""
MAX_VALUES = 5
"""Values of a property that a sentence names."""
NOT_STATED = {
    ("integer", "entrepot:leadingZeros", True): "no integer begins with a zero",
    ("number", "entrepot:leadingZeros", True): "no number begins with a zero and a digit",
    ("number", "entrepot:finite", False): "no number is NaN or infinite",
    ("datetime", "entrepot:timeZone", True): "no date has a time zone",
    ("datetime", "entrepot:timeZone", False): "every date has a time zone",
    ("time", "entrepot:timeZone", True): "no time has a time zone",
    ("time", "entrepot:timeZone", False): "every time has a time zone",
}
"""Sentences on what a type allows where the property is not stated, by the value that allows it."""
MAY_BE_ABSENT = frozenset(name for _, name, _ in NOT_STATED)
MARKS = {
    "groupChar": "no number has {} between its digits",
    "decimalChar": "no number has {} before its decimals",
    "bareNumber": "no number has text beside it",
}
"""Sentences on the properties whose value is a mark; the others are lists of cells."""


@dataclass(frozen=True)
class LooseContract:
    """A file, its current version, and what its contract allows and that version does not use."""

    file_id: FileId
    version: int
    sentences: tuple[str, ...]


def describe_unused(document: Mapping[str, Any]) -> list[str]:
    """A sentence for each part of the `schema` that no cell of the measured `columns` uses."""
    schema, columns = document["schema"], {each["name"]: each for each in document["columns"]}
    sentences = list(_shared_marks(schema, columns))
    for field in schema.get("fields", ()):
        column, name = columns.get(field["name"]), quoted(field["name"])
        if column is None:
            sentences.append(f"{name}: the table does not have this column.")
        elif column["nulls"] == column["rows"]:
            sentences.append(f"{name}: no row has a value.")
        else:
            parts = (_of_property(field, *each) for each in column.get("unused", {}).items())
            sentences += [f"{name}: {part}." for part in parts if part]
    return sentences


def list_loose_contracts(conn: ReadConnection) -> list[LooseContract]:
    """The files whose contract allows what their current version does not use. For operators."""
    later = schema_revisions.alias("later")
    of_file = later.c.file_id == files.c.id, later.c.revision > schema_revisions.c.revision
    newest = and_(schema_revisions.c.file_id == files.c.id, ~exists().where(*of_file))
    current = and_(versions.c.file_id == files.c.id, versions.c.number == files.c.current_version)
    query = (
        select(files.c.id, versions.c.number, schema_revisions.c.schema, inspections.c.columns)
        .select_from(files)
        .join(schema_revisions, newest)
        .join(versions, current)
        .join(inspections, inspections.c.version_id == versions.c.id)
        .where(files.c.enforcement != "none", inspections.c.columns.is_not(None))
        .order_by(files.c.updated_at.desc(), files.c.id)
        .limit(MAX_CONTRACTS)
    )
    loose = []
    for row in conn.execute(query):
        document = {"schema": json.loads(row.schema), "columns": json.loads(row.columns)}
        if sentences := describe_unused(document):
            loose.append(LooseContract(FileId(row.id), row.number, tuple(sentences)))
    return loose


def _shared_marks(
    schema: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """A sentence on the schema's own marks of missing values that no column uses."""
    names = [field["name"] for field in schema.get("fields", ()) if "missingValues" not in field]
    present = [columns[name] for name in names if name in columns]
    marks = [
        mark
        for mark in _values(schema.get("missingValues", ()))
        if present
        and all(mark in each.get("unused", {}).get("missingValues", ()) for each in present)
    ]
    if marks:
        yield f"The table: no cell is {_listed(marks)} (missingValues)."


def _of_property(field: Mapping[str, Any], name: str, unused: Sequence[Any]) -> str:
    """What no cell uses of a property, as far as the field still has it; empty if of nothing."""
    if name in MAY_BE_ABSENT:
        sentences = (
            NOT_STATED.get((str(field.get("type")), name, value))
            for value in unused
            if field.get(name, value) == value
        )
        sentence = next(filter(None, sentences), "")
        return f"{sentence} ({name})" if sentence else ""
    stated = field.get("constraints", {}) if name == "enum" else field
    if name not in stated:
        return ""
    value = stated[name]
    if name in MARKS:
        return f"{MARKS[name].format(quoted(str(value)))} ({name})" if value in unused else ""
    left = [each for each in _values(value) if each in unused]
    return f"no cell is {_listed(left)} ({name})" if left else ""


def _values(listed: Sequence[Any]) -> list[Any]:
    """The values of a list, which may have labels."""
    return [each.get("value") if isinstance(each, dict) else each for each in listed]


def _listed(values: Sequence[Any]) -> str:
    some = " or ".join(quoted(str(value)) for value in values[:MAX_VALUES])
    more = len(values) - MAX_VALUES
    return f"{some} or one of {more:,} more" if more > 0 else some
