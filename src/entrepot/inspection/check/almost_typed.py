"""Columns that would have a type but for very few cells: most of those are mistakes.

The first version of a contract names them in a warning, since later the column takes any text.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from entrepot.inspection.check.count_cells import TYPE_BY_KIND, CellCounts
from entrepot.inspection.check.first_texts import is_value
from entrepot.inspection.check.type_candidates import Candidate
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.sentence import place_of
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, PlaceUnit, Table
from entrepot.schemas.model import Field

MAX_EXCEPTIONS = 3
"""Cells that may keep a column from a type,"""
MIN_VALUES_PER_EXCEPTION = 1_000
"""and values that it has for each of them at least: 0.1 %."""
MIN_ROWS = MIN_VALUES_PER_EXCEPTION
MAX_COLUMNS = 20
"""Columns that are named."""


@dataclass(frozen=True)
class AlmostTyped:
    """A column that `cells` keep from being of `type`; each has `rowNumber`, `lineNumber` where it
    is known, and `cell`. `unit` is what a reader of the file counts."""

    column: str
    type: str
    cells: list[dict[str, Any]]
    unit: PlaceUnit

    def describe(self) -> str:
        """The column, the type and the cells in words."""
        places = [place_of(cell, self.unit).split(" ") for cell in self.cells]
        noun = places[0][0] + ("s" if len(places) > 1 else "")
        cells = ", ".join(quoted(cell["cell"]) for cell in self.cells)
        article = "an" if self.type[0] in "aeiou" else "a"
        return (
            f"{quoted(self.column)} would be {article} {self.type} except for "
            f"{noun} {_joined([number for _, number in places])}: {cells}."
        )


def may_be_exceptions(misfits: int, values: int) -> bool:
    """Whether `misfits` of `values` cells are few enough to be mistakes."""
    return 0 <= misfits <= MAX_EXCEPTIONS and misfits * MIN_VALUES_PER_EXCEPTION <= values


def list_exceptions(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    columns: Sequence[tuple[int, Field, Sql]],
) -> list[AlmostTyped]:
    """The exceptions of `columns`: the position from 0, the field that the column would be, and
    the SQL condition of a cell that keeps it from that. Raises duckdb.Error."""
    exceptions = []
    for position, would_be, misfit in columns[:MAX_COLUMNS]:
        column = table.columns[position]
        rows = engine.execute(
            f"SELECT _row, _line, {column.text} FROM {table.numbered} WHERE {misfit} "
            f"LIMIT {MAX_EXCEPTIONS}"
        ).fetchall()
        places = table.places({row for row, _, _ in rows}) if table.places else {}
        cells = []
        for row, line, text in rows:
            number = places[row][0] if places else row
            cell = {"rowNumber": number, "cell": str(text)}
            cells.append(cell | ({"lineNumber": line} if line else {}))
        if cells:
            unit = table.place_unit
            exceptions.append(AlmostTyped(would_be.name, would_be.type, cells, unit))
    return exceptions


def exceptions_of(
    table: Table,
    fields: Sequence[Field],
    candidates: Sequence[Sequence[Candidate]],
    counts: Sequence[CellCounts],
) -> list[tuple[int, Field, Sql]]:
    """The columns that few cells keep from a type: each by its position from 0, with the field
    that it would be, and the SQL condition of such a cell."""
    exceptions = []
    for n, (column, field, some, counted) in enumerate(
        zip(table.columns, fields, candidates, counts, strict=True)
    ):
        if field.type == "string" and field.format == "default":
            near = next((each for each in some if _almost_fits(each, counted)), None)
            if near is not None:
                misfit = f"NOT coalesce({near.condition(column.text)}, false)"
                misfit = f"({is_value(column.text)} AND {misfit})"
                exceptions.append((n, replace(near.field, name=field.name), misfit))
        elif field.type == "any" and column.kind is None:
            would_be, misfit = _exception_of_kind(column, counted)
            if would_be:
                exceptions.append((n, Field(field.name, would_be), misfit))
    return exceptions


def _almost_fits(candidate: Candidate, counts: CellCounts) -> bool:
    misfits = counts.texts - counts.fitting[candidate.name]
    rival = counts.fitting.get(candidate.unless or "")
    return (
        misfits > 0
        and may_be_exceptions(misfits, counts.texts)
        and counts.evident[candidate.name]
        and (rival is None or not may_be_exceptions(counts.texts - rival, counts.texts))
    )


def _exception_of_kind(column: Column, counts: CellCounts) -> tuple[str, Sql]:
    """The type that nearly all cells of a column have natively, or none, and the condition of the
    others."""
    by_type = Counter[str]()
    for kind, count in counts.kinds.items():
        by_type[TYPE_BY_KIND[kind]] += count
    if by_type["integer"] and by_type["number"]:
        by_type["number"] += by_type.pop("integer")
    would_be, most = max(by_type.items(), key=lambda each: each[1])
    values = counts.filled - counts.marks
    if not may_be_exceptions(values - most, values):
        return "", sql("")
    alike = ("integer", "number") if would_be == "number" else (would_be,)
    kinds = ", ".join(literal(kind) for kind, name in TYPE_BY_KIND.items() if name in alike)
    mark = f"({column.kind_sql} = 'text' AND NOT {is_value(column.text)})"
    return would_be, f"({column.kind_sql} NOT IN ({kinds}) AND NOT {mark})"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
