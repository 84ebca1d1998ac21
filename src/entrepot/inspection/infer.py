"""Infer the schema of a table over all of its rows.

Two passes at most: the first rows rule candidates out (what fails there fails in the whole),
one pass over everything settles the rest and measures the columns for the profile.
"""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.candidates import CANDIDATES, MISSING, Candidate
from entrepot.inspection.cells import cell_sql
from entrepot.inspection.engine import literal
from entrepot.inspection.profile import ColumnStats, Measure, measure_sql, read_stats
from entrepot.inspection.table import CellKind, Column, Table
from entrepot.schemas.model import Field, TableSchema

FIRST_ROWS = 10_000
COLUMNS_AT_ONCE = 50
TOKENS = ", ".join(map(literal, MISSING))

BY_KIND: dict[CellKind, str] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "object": "object",
    "array": "array",
    "other": "any",
}


@dataclass(frozen=True)
class Inferred:
    """The schema, the count of data rows, and each column's figures."""

    schema: TableSchema
    rows: int
    stats: tuple[ColumnStats, ...]


@dataclass(frozen=True)
class _Counts:
    """Of one column: cells with text, with a text that may mean missing, native by kind, and
    those that meet each candidate."""

    filled: int
    tokens: int
    kinds: dict[str, int]
    fitting: dict[str, int]
    varied: dict[str, bool]


def infer_schema(engine: duckdb.DuckDBPyConnection, table: Table) -> Inferred:
    """Infer over the whole of `table`. Raises duckdb.Error where the scan fails."""
    sample = f"(SELECT * FROM {table.relation} LIMIT {FIRST_ROWS})"
    survivors: list[list[Candidate]] = []
    for start in range(0, len(table.columns), COLUMNS_AT_ONCE):
        part = table.columns[start : start + COLUMNS_AT_ONCE]
        every = [list(CANDIDATES.values()) if _textual(column) else [] for column in part]
        _, counts, _ = _count(engine, sample, part, every, [])
        survivors += [
            [candidate for candidate in tried if _may_fit(candidate, found)]
            for tried, found in zip(every, counts, strict=True)
        ]
    names = unique_names(table.labels)
    guesses = [
        _field(column, name, likely)
        for column, name, likely in zip(table.columns, names, survivors, strict=True)
    ]
    measures = [
        measure_sql(cell_sql(column, guess, ("", *MISSING)))
        for column, guess in zip(table.columns, guesses, strict=True)
    ]
    rows, counts, stats = _count(engine, table.relation, table.columns, survivors, measures)
    fields = tuple(
        _settled(column, name, likely, found)
        for column, name, likely, found in zip(table.columns, names, survivors, counts, strict=True)
    )
    settled = _measured_again(engine, table, guesses, fields, stats)
    return Inferred(TableSchema(fields), rows, tuple(settled))


def unique_names(labels: Sequence[str]) -> list[str]:
    """A name for each column: its label, made up where blank, numbered where doubled."""
    taken: set[str] = set()
    names = []
    for number, label in enumerate(labels, start=1):
        plain = label[:1_000].replace("\0", "") or f"column_{number}"
        name, count = plain, 1
        while name in taken:
            count += 1
            name = f"{plain[:900]}_{count}"
        taken.add(name)
        names.append(name)
    return names


def _textual(column: Column) -> bool:
    return column.kind in ("text", None)


def _count(
    engine: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[Column],
    tried: Sequence[Sequence[Candidate]],
    measures: Sequence[Measure],
) -> tuple[int, list[_Counts], list[ColumnStats]]:
    """Count in one pass what `_Counts` holds, and measure."""
    wanted = ["count(*)"]
    for column, candidates in zip(columns, tried, strict=True):
        wanted += _count_sql(column, candidates)
    split = len(wanted)
    for measure in measures:
        wanted += measure.aggregates
    row = list(engine.execute(f"SELECT {', '.join(wanted)} FROM {relation}").fetchone() or [])
    cursor = iter(row[1:split])
    counts = []
    for column, candidates in zip(columns, tried, strict=True):
        filled, tokens = next(cursor), next(cursor)
        kinds: dict[str, int] = {}
        if column.kind is None:
            kinds = {kind: next(cursor) for kind in BY_KIND}
        fitting, varied = {}, {}
        for candidate in candidates:
            fitting[candidate.name] = next(cursor)
            if candidate.varied:
                varied[candidate.name] = 0 < next(cursor) < fitting[candidate.name]
        counts.append(_Counts(filled, tokens, kinds, fitting, varied))
    return int(row[0]), counts, read_stats(measures, row[split:])


def _count_sql(column: Column, candidates: Sequence[Candidate]) -> list[str]:
    text = column.text
    token = f"{text} IN ({TOKENS})"
    wanted = [f"count({text})", f"count_if({token})" if _textual(column) else "0"]
    native = ""
    if column.kind is None:
        wanted += [f"count_if({column.kind_sql} = {literal(kind)})" for kind in BY_KIND]
        native = f"{column.kind_sql} = 'text' AND "
    for candidate in candidates:
        fits = f"{native}NOT {token} AND {candidate.condition(text)}"
        wanted.append(f"count_if({fits})")
        if candidate.varied:
            yes = ", ".join(map(literal, candidate.field.true_values))
            wanted.append(f"count_if({text} IN ({yes}))")
    return wanted


def _may_fit(candidate: Candidate, found: _Counts) -> bool:
    """Whether the candidate fits all rows seen so far. One that another needs to be told
    apart from stays too."""
    text_cells = found.filled - sum(found.kinds.values()) - found.tokens
    return found.fitting[candidate.name] == text_cells


def _field(column: Column, name: str, likely: Sequence[Candidate]) -> Field:
    """The field that the first rows suggest, for measuring."""
    if column.kind not in ("text", None):
        return Field(name, BY_KIND[column.kind])
    return replace(likely[0].field, name=name) if likely else Field(name)


def _settled(column: Column, name: str, likely: Sequence[Candidate], found: _Counts) -> Field:
    """The field that all rows agree on."""
    if column.kind not in ("text", None):
        return Field(name, BY_KIND[column.kind])
    if column.kind is None and any(found.kinds.values()):
        return _settled_by_kind(name, found)
    text_cells = found.filled - found.tokens
    if text_cells == 0:
        return Field(name)
    for candidate in likely:
        if found.fitting[candidate.name] != text_cells:
            continue
        if candidate.varied and not found.varied[candidate.name]:
            continue
        if found.fitting.get(candidate.unless or "") == text_cells:
            continue
        if column.kind is None and candidate.field.type not in ("date", "time", "datetime"):
            continue
        field = replace(candidate.field, name=name)
        return replace(field, missing_values=("", *MISSING)) if found.tokens else field
    return Field(name)


def _settled_by_kind(name: str, found: _Counts) -> Field:
    """JSON says itself what a value is; a column of several kinds is any."""
    kinds = {kind for kind, count in found.kinds.items() if count > 0}
    native: int = sum(found.kinds.values())
    if native < found.filled:
        return Field(name, "any")
    if kinds == {"integer", "number"}:
        return Field(name, "number")
    return Field(name, BY_KIND[kinds.pop()] if len(kinds) == 1 else "any")  # type: ignore[index]


def _measured_again(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    guesses: Sequence[Field],
    fields: Sequence[Field],
    stats: Sequence[ColumnStats],
) -> list[ColumnStats]:
    """The figures, measured once more where the rows after the first changed the type."""
    settled = list(stats)
    changed = [n for n, field in enumerate(fields) if field.type != guesses[n].type]
    if changed:
        measures = [
            measure_sql(cell_sql(table.columns[n], fields[n], fields[n].missing_values or ("",)))
            for n in changed
        ]
        wanted = [aggregate for measure in measures for aggregate in measure.aggregates]
        query = f"SELECT {', '.join(wanted)} FROM {table.relation}"
        again = read_stats(measures, list(engine.execute(query).fetchone() or []))
        for n, figures in zip(changed, again, strict=True):
            settled[n] = figures
    return settled
