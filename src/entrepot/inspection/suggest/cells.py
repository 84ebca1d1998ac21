"""Propose what makes the wrong cells of a column right: a wider type, marks of missing values, a
mark between thousands.

One more pass over the columns that have wrong cells counts what each possible change would mend.
The smallest that mends all of a column is proposed; where none does, nothing is. A type never
becomes `string` or `any`, and constraints stay.
"""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.check.type_candidates import SPACES
from entrepot.inspection.engine import literal
from entrepot.inspection.report.report import shortened
from entrepot.inspection.suggest.marks import MARKS, with_marks
from entrepot.inspection.suggest.proposal import Judgement, Proposal, ProposedChange
from entrepot.inspection.table import Column
from entrepot.inspection.values.cell_sql import cell_sql, full_match
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.model import Field
from entrepot.schemas.types import CONSTRAINTS, TEXT_TYPES

MAX_GROUPED_SHARE = 0.01
"""Share of a column's cells that may need a mark between thousands: with more, the column holds
something else than it did (`docs/decisions/0040`)."""
COLUMNS_PER_QUERY = 50
"""A column with every possible change takes some forty expressions."""
GROUP_CHARS = (",", ".", *SPACES)
"""What may stand between thousands, as inference knows it."""
DECIMAL_MARKS = (",", ".")
"""Of these, what may as well be a decimal mark."""


@dataclass(frozen=True)
class _Way:
    """A field that its column might have instead, with what is `changed` of its document."""

    field: Field
    changed: dict[str, Any]

    @property
    def group_char(self) -> str:
        return str(self.changed.get("groupChar", ""))


@dataclass(frozen=True)
class _Column:
    """A column with wrong cells: its field, which is the schema's number `place`, and the ways."""

    number: int
    place: int
    column: Column
    field: Field
    ways: tuple[_Way, ...]


@dataclass(frozen=True)
class _Counts:
    """Of a column's cells: all, the wrong ones that are no mark, the marks among them. For each way
    the wrong ones that it mends, and those of all cells that speak against it."""

    rows: int
    wrong: int
    marks: tuple[str, ...]
    marked: int
    mended: tuple[int, ...]
    against: tuple[int, ...]


def propose_values(
    engine: duckdb.DuckDBPyConnection, judgement: Judgement, proposal: Proposal
) -> Proposal | None:
    """The schema under which every cell is a value or a mark of a missing one; None where a cell
    breaks another rule, or nothing makes it right. Raises duckdb.Error where a scan fails."""
    kinds = {entry["type"] for entry in judgement.checked.counts}
    if judgement.header_errors or kinds != {"type-error"}:
        return None
    columns = [_column_of(judgement, number) for number in _wrong_columns(judgement)]
    fields = [dict(field) for field in proposal.schema["fields"]]
    changes: list[ProposedChange] = []
    for start in range(0, len(columns), COLUMNS_PER_QUERY):
        some = columns[start : start + COLUMNS_PER_QUERY]
        for column, counts in zip(some, _count(engine, judgement, some), strict=True):
            if not _mend(column, counts, judgement, fields[column.place], changes):
                return None
    return proposal.with_schema({**proposal.schema, "fields": fields}, changes)


def _wrong_columns(judgement: Judgement) -> list[int]:
    return sorted({entry["fieldNumber"] for entry in judgement.checked.counts})


def _column_of(judgement: Judgement, number: int) -> _Column:
    field = align_columns(judgement.table, judgement.schema).fields[number - 1]
    names = [each.name for each in judgement.schema.fields]
    column = judgement.table.columns[number - 1]
    return _Column(number, names.index(field.name), column, field, tuple(_ways(field)))


def _ways(field: Field) -> Iterator[_Way]:
    """The other fields that a column might have, the smallest change first."""
    wider = [(field, {})] if field.type in ("integer", "number") else []
    if field.type == "integer" and field.categories is None:
        number: dict[str, Any] = {"type": "number"}
        yield _Way(replace(field, type="number"), number)
        wider.append((replace(field, type="number"), number))
    for base, changed in wider:
        for mark in GROUP_CHARS:
            if not base.group_char and mark not in base.decimal_char:
                yield _Way(replace(base, group_char=mark), {**changed, "groupChar": mark})


def _count(
    engine: duckdb.DuckDBPyConnection, judgement: Judgement, columns: list[_Column]
) -> list[_Counts]:
    aggregates = ["count(*)"]
    for column in columns:
        aggregates += _aggregates(judgement, column)
    query = f"SELECT {', '.join(aggregates)} FROM {judgement.table.relation}"
    cursor = iter(engine.execute(query).fetchone() or [])
    rows = int(next(cursor) or 0)
    counts = []
    for column in columns:
        wrong, marked, marks = next(cursor) or 0, next(cursor) or 0, next(cursor) or []
        pairs = [(next(cursor) or 0, next(cursor) or 0) for _ in column.ways]
        counts.append(
            _Counts(
                rows,
                int(wrong),
                tuple(sorted(marks)),
                int(marked),
                tuple(int(mended) for mended, _ in pairs),
                tuple(int(against) for _, against in pairs),
            )
        )
    return counts


def _aggregates(judgement: Judgement, column: _Column) -> list[str]:
    missing = judgement.schema.missing_values_of(column.field)
    cell = cell_sql(column.column, column.field, missing)
    marks = [mark for mark in MARKS if mark not in missing]
    marked = f"{cell.text} IN ({', '.join(map(literal, marks))})" if marks else "false"
    broken = f"({cell.present} AND NOT coalesce({cell.valid}, false))"
    aggregates = [
        f"count_if({broken} AND NOT {marked})",
        f"count_if({broken} AND {marked})",
        f"list(DISTINCT {cell.text}) FILTER (WHERE {broken} AND {marked})",
    ]
    for way in column.ways:
        valid = cell_sql(column.column, way.field, missing).valid
        mended = f"({broken} AND NOT {marked} AND coalesce({valid}, false))"
        aggregates.append(f"count_if({mended})")
        against = _against(cell.text, way) if way.group_char else "false"
        aggregates.append(f"count_if({cell.present} AND NOT {marked} AND {against})")
    return aggregates


def _against(text: str, way: _Way) -> str:
    """Whether a cell speaks against the mark between thousands: it has thousands without it."""
    return full_match(text, r"\s*[^\d]*\d{4,}.*")


def _mend(
    column: _Column,
    counts: _Counts,
    judgement: Judgement,
    document: dict[str, Any],
    changes: list[ProposedChange],
) -> bool:
    """Change `document`, a field's, so that all of its column's cells are right; False where
    nothing does, or too many cells would need it."""
    pointer = join_pointer("/schema/fields", column.place)
    name = f"`{shortened(column.field.name, 80)}`"
    if counts.wrong:
        way = _smallest(column, counts)
        if way is None:
            return False
        document |= way.changed
        changes += _described(way, counts, name, pointer, _example(judgement, column.number))
    if counts.marks:
        if column.field.type in TEXT_TYPES or judgement.schema.requires_value(column.field):
            return False
        with_marks(document, judgement.schema, column.field, counts.marks)
        shown = ", ".join(f"`{mark}`" if mark else "an empty cell" for mark in counts.marks)
        what = f"in {name}, {shown} {'means' if len(counts.marks) == 1 else 'mean'} no value"
        reason = f"{_cells(counts.marked)} of this delivery"
        changes.append(ProposedChange(f"{pointer}/missingValues", what, reason))
    return True


def _smallest(column: _Column, counts: _Counts) -> _Way | None:
    for way, mended, against in zip(column.ways, counts.mended, counts.against, strict=True):
        if mended != counts.wrong:
            continue
        if way.group_char and (against or counts.wrong > MAX_GROUPED_SHARE * counts.rows):
            continue
        return way
    return None


def _described(
    way: _Way, counts: _Counts, name: str, pointer: str, example: str
) -> Iterator[ProposedChange]:
    reason = f"{_cells(counts.wrong)} of this delivery{example}"
    if "type" in way.changed:
        what = f"{name} holds numbers, not only integers"
        yield ProposedChange(f"{pointer}/type", what, reason)
    if way.group_char:
        what = f"in {name}, `{way.group_char}` may stand between thousands"
        yield ProposedChange(f"{pointer}/groupChar", what, reason)


def _example(judgement: Judgement, number: int) -> str:
    for error in judgement.checked.errors:
        if error.get("fieldNumber") == number and error.get("cell") not in MARKS:
            return f", first `{shortened(str(error['cell']), 40)}` in row {error['rowNumber']:,}"
    return ""


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"
