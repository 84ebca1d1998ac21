"""Propose what makes the wrong cells of a column right: a wider type, marks of missing values, a
mark between thousands.

One more pass over the table counts, of the rows with wrong cells alone, what each possible change
would mend. The smallest that mends all of a column is proposed; where none does, nothing is. A type
never becomes `string` or `any`, and constraints stay.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.check.type_candidates import GROUP_BLANKS
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.suggest.emptiness import EMPTINESS
from entrepot.inspection.suggest.marks import with_marks
from entrepot.inspection.suggest.proposal import (
    InspectedTable,
    Proposal,
    ProposedChange,
    error_kind,
)
from entrepot.inspection.table import Column
from entrepot.inspection.values.cell_sql import CellSql, cell_sql, full_match
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.lexical import MISSING_MARKS
from entrepot.schemas.model import Field
from entrepot.schemas.types import TEXT_TYPES
from entrepot_client.counts import counted

WRONG = "type-error"
MAX_GROUPED_SHARE = 0.01
"""Share of a column's cells that may need a mark between thousands: with more, the column holds
something else than it did (`docs/decisions/0040`)."""
COLUMNS_PER_QUERY = 50
"""Each takes five expressions, and planning takes longer than in proportion to them."""
GROUP_CHARS = (",", ".", *GROUP_BLANKS)
"""What may stand between thousands, as inference knows it."""
UNGROUPED = r"[^\d]*\d{4,}.*"
"""A number of thousands without a mark between them, which speaks against one."""
AMBIGUOUS_MARKS = (",", ".")
"""Of these, what may as well be a decimal mark: `1.234` is one thing or a thousand of it."""


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
    """Of a column's wrong cells: those that are not marks, the marks among them, and for each way
    those that it mends, and those of them that cannot be read otherwise."""

    wrong: int
    marks: tuple[str, ...]
    marked: int
    of_ways: tuple[tuple[int, int], ...]


def propose_values(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, proposal: Proposal
) -> Proposal | None:
    """The schema under which every cell is a value or a mark of a missing one; None where a cell
    breaks another rule, or nothing makes it right. Raises duckdb.Error where a scan fails."""
    kinds = {error_kind(entry) for entry in inspected.checked.counts}
    if inspected.header_errors or not {WRONG} <= kinds <= {WRONG} | EMPTINESS:
        return None
    columns = _wrong_columns(inspected)
    fields = [dict(field) for field in proposal.schema["fields"]]
    changes: list[ProposedChange] = []
    for start in range(0, len(columns), COLUMNS_PER_QUERY):
        some = columns[start : start + COLUMNS_PER_QUERY]
        for column, counts in zip(some, _count(engine, inspected, some), strict=True):
            way = _smallest(engine, inspected, column, counts) if counts.wrong else None
            if counts.wrong and way is None:
                return None
            if counts.marks and not _may_be_missing(inspected, column.field):
                return None
            changes += _mend(column, way, counts, inspected, fields[column.place])
    return proposal.with_schema({**proposal.schema, "fields": fields}, changes)


def _wrong_columns(inspected: InspectedTable) -> list[_Column]:
    entries = inspected.checked.counts
    numbers = {entry["fieldNumber"] for entry in entries if error_kind(entry) == WRONG}
    fields = align_columns(inspected.table, inspected.schema).fields
    places = {field.name: place for place, field in enumerate(inspected.schema.fields)}
    columns = []
    for number in sorted(numbers):
        column, field = inspected.table.columns[number - 1], fields[number - 1]
        columns.append(_Column(number, places[field.name], column, field, _wider_type(field)))
    return columns


def _wider_type(field: Field) -> tuple[_Way, ...]:
    if field.type != "integer" or field.categories is not None:
        return ()
    wider = replace(field, type="number", finite=True)
    return (_Way(wider, {"type": "number", "entrepot:finite": True}),)


def _with_group_chars(inspected: InspectedTable, column: _Column) -> _Column:
    """The column with the marks between thousands that its wrong cells have, as far as those are
    listed: by itself, and with a wider type."""
    listed = "".join(_wrong_cells(inspected, column.number))
    present = [mark for mark in GROUP_CHARS if mark in listed]
    unchanged = (_Way(column.field, {}),) if column.field.type in ("integer", "number") else ()
    ways = tuple(
        _Way(replace(way.field, group_char=mark), {**way.changed, "groupChar": mark})
        for way in (*unchanged, *column.ways)
        for mark in present
        if not way.field.group_char and mark not in way.field.decimal_char
    )
    return replace(column, ways=ways)


def _count(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, columns: list[_Column]
) -> list[_Counts]:
    aggregates: list[Sql] = []
    for column in columns:
        aggregates += _aggregates(inspected, column)
    wrong_rows = " OR ".join(_broken(_cell_of(inspected, column)) for column in columns)
    query = f"SELECT {', '.join(aggregates)} FROM {inspected.table.relation} WHERE {wrong_rows}"
    cursor = iter(engine.execute(query).fetchone() or [])
    counts = []
    for column in columns:
        wrong, marked, marks = next(cursor) or 0, next(cursor) or 0, next(cursor) or []
        of_ways = tuple((int(next(cursor) or 0), int(next(cursor) or 0)) for _ in column.ways)
        counts.append(_Counts(int(wrong), tuple(sorted(marks)), int(marked), of_ways))
    return counts


def _cell_of(inspected: InspectedTable, column: _Column) -> CellSql:
    return cell_sql(column.column, column.field, inspected.schema.missing_values_of(column.field))


def _broken(cell: CellSql) -> Sql:
    """Whether a cell is wrong, as the check has it."""
    wrong = f"({cell.present} AND NOT coalesce({cell.valid}, false))"
    return f"(CASE WHEN {cell.quick} THEN false ELSE {wrong} END)" if cell.quick else wrong


def _aggregates(inspected: InspectedTable, column: _Column) -> list[Sql]:
    missing = inspected.schema.missing_values_of(column.field)
    cell, marked = _cell_of(inspected, column), _is_mark(inspected, column)
    broken = _broken(cell)
    aggregates = [
        f"count_if({broken} AND NOT {marked})",
        f"count_if({broken} AND {marked})",
        f"list(DISTINCT {cell.text}) FILTER (WHERE {broken} AND {marked})",
    ]
    for way in column.ways:
        changed = cell_sql(column.column, way.field, missing)
        mended = f"({broken} AND NOT {marked} AND coalesce({changed.valid}, false))"
        settled = f"({cell.native} OR NOT {_grouped(cell.text, '.', ',')})"
        if way.group_char:
            grouped = _grouped(cell.text, way.group_char, way.field.decimal_char)
            with_mark = f"contains({cell.text}, {literal(way.group_char)})"
            mended = f"({mended} AND (NOT {with_mark} OR {grouped}))"
            settled = f"({with_mark} AND {_settles(cell.text, way)})"
        aggregates += [f"count_if({mended})", f"count_if({mended} AND {settled})"]
    return aggregates


def _is_mark(inspected: InspectedTable, column: _Column) -> Sql:
    """Whether a cell is a mark of a missing value that the field does not have yet."""
    missing = inspected.schema.missing_values_of(column.field)
    marks = [mark for mark in MISSING_MARKS if mark not in missing]
    if not marks:
        return sql("false")
    text = _cell_of(inspected, column).text  # which has an empty text where that is a value
    return f"({text} IN ({', '.join(map(literal, marks))}))"


def _grouped(text: Sql, mark: str, decimal: str) -> Sql:
    """Whether a number has `mark` between all its thousands."""
    group, point = re.escape(mark), re.escape(decimal)
    thousands = rf"[^\d]*[1-9]\d{{0,2}}(?:{group}\d{{3}})+"
    return full_match(text, rf"{thousands}(?:{point}\d*)?[^\d{group}{point}]*")


def _settles(text: Sql, way: _Way) -> Sql:
    """Whether the mark in a number cannot be a decimal mark: it stands there twice, or beside one.
    In an integer a comma is none, but a point may be."""
    mark = way.group_char
    if mark not in AMBIGUOUS_MARKS or (mark == "," and way.field.type == "integer"):
        return sql("true")
    decimal = literal(way.field.decimal_char)
    twice = f"length({text}) - length(replace({text}, {literal(mark)}, '')) > 1"
    beside = sql("false") if way.field.type == "integer" else f"contains({text}, {decimal})"
    return f"({twice} OR {beside})"


def _smallest(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, column: _Column, counts: _Counts
) -> _Way | None:
    """The first way that mends all wrong cells: a wider type, else a mark between thousands, if few
    cells need it and no number speaks against it."""
    change = _first_that_mends(column, counts)
    if change is not None or counts.wrong > MAX_GROUPED_SHARE * inspected.checked.rows:
        return change
    column = _with_group_chars(inspected, column)
    if not column.ways:
        return None
    (counts,) = _count(engine, inspected, [column])
    change = _first_that_mends(column, counts)
    return None if change is None or _has_ungrouped(engine, inspected, column) else change


def _first_that_mends(column: _Column, counts: _Counts) -> _Way | None:
    """The first way that mends all wrong cells, of which one at least has no other reading."""
    for way, (mended, settled) in zip(column.ways, counts.of_ways, strict=True):
        if mended == counts.wrong and settled:
            return way
    return None


def _has_ungrouped(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, column: _Column
) -> bool:
    """Whether a number of the column has thousands without a mark between them."""
    cell = _cell_of(inspected, column)
    ungrouped = f"{cell.present} AND {full_match(cell.text, UNGROUPED)}"
    query = f"SELECT 1 FROM {inspected.table.relation} WHERE {ungrouped} LIMIT 1"
    return engine.execute(query).fetchone() is not None


def _may_be_missing(inspected: InspectedTable, field: Field) -> bool:
    return field.type not in TEXT_TYPES and not inspected.schema.requires_value(field)


def _mend(
    column: _Column,
    way: _Way | None,
    counts: _Counts,
    inspected: InspectedTable,
    document: dict[str, Any],
) -> Iterator[ProposedChange]:
    """Change `document`, a field's, so that all of its column's cells are right; the changes."""
    pointer = join_pointer("/schema/fields", column.place)
    name = quoted(column.field.name)
    if way is not None:
        document |= way.changed
        yield from _described(way, counts, name, pointer, _example(inspected, column.number))
    if counts.marks:
        with_marks(document, inspected.schema, column.field, counts.marks)
        marks = ", ".join(quoted(mark) if mark else "an empty cell" for mark in counts.marks)
        what = f"In {name}, {marks} {'means' if len(counts.marks) == 1 else 'mean'} no value"
        yield ProposedChange(f"{pointer}/missingValues", what, _cells(counts.marked))


def _described(
    way: _Way, counts: _Counts, name: str, pointer: str, example: str
) -> Iterator[ProposedChange]:
    reason = f"{_cells(counts.wrong)}{example}"
    if "type" in way.changed:
        what = f"{name} holds numbers, not only integers"
        yield ProposedChange(f"{pointer}/type", what, reason)
    if way.group_char:
        what = f"In {name}, {quoted(way.group_char)} may stand between thousands"
        yield ProposedChange(f"{pointer}/groupChar", what, reason)


def _example(inspected: InspectedTable, number: int) -> str:
    example = next(iter(_wrong_cells(inspected, number)), None)
    return f", such as {quoted(example)}" if example is not None else ""


def _wrong_cells(inspected: InspectedTable, number: int) -> Iterator[str]:
    """The wrong cells of a column that are listed and no mark of a missing value."""
    for error in inspected.checked.errors:
        of_column = error_kind(error) == WRONG and error.get("fieldNumber") == number
        if of_column and error.get("cell") not in MISSING_MARKS:
            yield str(error["cell"])


def _cells(count: int) -> str:
    return f"{counted(count, 'cell')} of this delivery {'needs' if count == 1 else 'need'} it"
