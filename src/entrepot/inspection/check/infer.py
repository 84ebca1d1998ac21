"""Infer the schema of a table over all of its rows.

The first rows rule candidates out (what fails there fails in the whole); one pass over everything
settles the first choice of each column; only where a later row rules that out, or some texts may
mean "no value", one more pass asks those columns for everything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.check.almost_typed import (
    MAX_EXCEPTIONS,
    MIN_ROWS,
    AlmostTyped,
    exceptions_of,
    list_exceptions,
)
from entrepot.inspection.check.count_cells import (
    TYPE_BY_KIND,
    CellCounts,
    count_cells,
    count_prefiltered,
    fits,
)
from entrepot.inspection.check.emptiness import columns_with_values
from entrepot.inspection.check.first_texts import first_texts
from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.check.type_candidates import Candidate, candidates_like
from entrepot.inspection.table import CellKind, Column, Table
from entrepot.inspection.values.cell_sql import text_fits
from entrepot.schemas.lexical import MISSING_MARKS
from entrepot.schemas.model import Field, TableSchema

TEXT_FORMS = frozenset({"date", "time", "datetime"})
"""Types whose values are texts in formats that know numbers and booleans of their own."""
MAX_LABEL_CHARS, MAX_NUMBERED_CHARS = 1_000, 900
"""Of a name that is made of a label; and before the number that tells it from the same one."""


@dataclass(frozen=True)
class Inferred:
    """The schema and the count of data rows; `embedded` are the line ends inside cells, None
    where every line of the text is accounted for. `maybe_blank`: there may be rows without any
    value. `controls`: texts have control characters, None where that is not known. `almost_typed`
    are columns that very few cells keep from a type."""

    schema: TableSchema
    rows: int
    embedded: int | None
    maybe_blank: bool
    controls: bool | None
    almost_typed: tuple[AlmostTyped, ...] = ()


def infer_schema(
    engine: duckdb.DuckDBPyConnection, table: Table, find_almost_typed: bool = False
) -> Inferred:
    """Infer over the whole of `table`; `find_almost_typed`: name the cells for which a column has
    no type too. Raises duckdb.Error where the scan fails."""
    likely, near = _choose_candidates(engine, table)
    names = unique_names(table.labels)
    candidates = [_first_choice(some) for some in likely]
    totals, counts = count_prefiltered(engine, table, candidates) or count_cells(
        engine, table, candidates
    )
    may_be_almost = find_almost_typed and totals.rows >= MIN_ROWS
    open_ones = [
        n
        for n, (column, some, counted) in enumerate(
            zip(table.columns, candidates, counts, strict=True)
        )
        if _is_open(column, some, counted) or (may_be_almost and near[n])
    ]
    if open_ones:
        part = table.select(open_ones)
        others = [[*likely[n], *near[n]] for n in open_ones]
        _, again = count_cells(engine, part, others, in_full=True)
        for n, counted, some in zip(open_ones, again, others, strict=True):
            counts[n], candidates[n] = counted, some
    fields = tuple(
        _make_field(column, name, some, counted)
        for column, name, some, counted in zip(
            table.columns, names, candidates, counts, strict=True
        )
    )
    schema = TableSchema(_with_filled(engine, table, fields), min_rows=1 if totals.rows else 0)
    exceptions = []
    if may_be_almost:
        columns = exceptions_of(table, fields, candidates, counts)
        exceptions = list_exceptions(engine, table, columns)
    marks = any(counted.marks for counted in counts)
    return Inferred(
        schema,
        totals.rows,
        totals.embedded,
        marks or totals.blank > 0,
        totals.controls,
        tuple(exceptions),
    )


def _choose_candidates(
    engine: duckdb.DuckDBPyConnection, table: Table
) -> tuple[list[list[Candidate]], list[list[Candidate]]]:
    """For each column the candidates that fit its first texts, and those that fit all but very
    few. Asking the engine for all candidates would cost it more to plan than to run."""
    likely: list[list[Candidate]] = [[] for _ in table.columns]
    near: list[list[Candidate]] = [[] for _ in table.columns]
    if table.typed:
        return likely, near
    for n, (column, texts) in enumerate(
        zip(table.columns, first_texts(engine, table), strict=True)
    ):
        for candidate in candidates_like(texts) if texts else []:
            if column.kind is None and candidate.field.type not in TEXT_FORMS:
                continue
            if not text_fits(candidate.field.type, table.storage):
                continue
            misfits = candidate.count_misfits(texts, MAX_EXCEPTIONS)
            if not misfits:
                likely[n].append(candidate.without_known_evidence(texts))
            elif misfits <= MAX_EXCEPTIONS < texts.total():
                near[n].append(candidate.without_known_evidence(texts))
        # A further spelling of the type that a column has anyway says nothing.
        settled = {candidate.field.type for candidate in likely[n]}
        near[n] = [candidate for candidate in near[n] if candidate.field.type not in settled]
    return likely, near


def _is_open(column: Column, tried: Sequence[Candidate], counts: CellCounts) -> bool:
    """Whether the first choice does not settle the field of a column."""
    if tried:
        return counts.filled > 0 and not fits(tried[0], counts)
    return column.kind is None and counts.texts > 0  # which may all be marks of missing values


def _with_filled(
    engine: duckdb.DuckDBPyConnection, table: Table, fields: Sequence[Field]
) -> tuple[Field, ...]:
    """The fields, those with a value in some row as such that must have one."""
    # Whether a cell has a value, its control characters do not tell.
    table = table.known_to_have_controls(False)
    cells = checked_columns(table, TableSchema(tuple(fields), fields_match="exact"))
    filled = columns_with_values(engine, table, cells)
    return tuple(
        replace(field, not_empty=number in filled) for number, field in enumerate(fields, start=1)
    )


def _first_choice(likely: Sequence[Candidate]) -> list[Candidate]:
    """The first candidate, with the one that it may be confused with."""
    if not likely:
        return []
    return [each for each in likely if each in likely[:1] or each.name == likely[0].unless]


def unique_names(labels: Sequence[str]) -> list[str]:
    """A name for each column: its label, made up where blank, numbered where doubled."""
    candidates = [label[:MAX_LABEL_CHARS].replace("\0", "") for label in labels]
    reserved, taken = set(candidates), set[str]()
    names = []
    for number, label in enumerate(candidates, start=1):
        base = label or f"column_{number}"
        name, count = base, 1
        # A label keeps its name, whatever is made up for the others.
        while name in taken or (name in reserved and name != label):
            count += 1
            name = f"{base[:MAX_NUMBERED_CHARS]}_{count}"
        taken.add(name)
        names.append(name)
    return names


def is_made_up(name: str, number: int) -> bool:
    """Whether `unique_names` may have made the name up for a column without a label."""
    return re.fullmatch(rf"column_{number}(_[0-9]+)?", name) is not None


def _make_field(
    column: Column, name: str, likely: Sequence[Candidate], counts: CellCounts
) -> Field:
    """The field that all rows agree on."""
    field = _choose_field(column, likely, counts)
    missing = None if field.type == "string" else MISSING_MARKS
    return replace(field, name=name, missing_values=missing)


def _choose_field(column: Column, likely: Sequence[Candidate], counts: CellCounts) -> Field:
    if column.kind not in ("text", None):
        return _typed(column.kind)
    if any(counts.kinds.values()):
        return _field_by_kind(counts)
    if counts.filled == counts.marks:
        return Field("")
    return next((each.field for each in likely if fits(each, counts)), Field(""))


def _typed(kind: CellKind) -> Field:
    """The field of a column that the format itself says to be of one kind."""
    field_type = TYPE_BY_KIND[kind]
    return Field("", field_type, leading_zeros=field_type != "integer")


def _field_by_kind(counts: CellCounts) -> Field:
    """JSON and workbooks say themselves what a value is; a column of several kinds is any,
    but for texts that mean a missing value (`n/a` among numbers)."""
    kinds = {kind for kind, count in counts.kinds.items() if count > 0}
    if counts.texts:
        return Field("", "any")
    if len(kinds) > 1 and kinds <= {"integer", "decimal", "number"}:
        return Field("", "number")
    return _typed(kinds.pop()) if len(kinds) == 1 else Field("", "any")
