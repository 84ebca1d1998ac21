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

FIRST_ROWS = 1_000
COLUMNS_AT_ONCE = 200
TOKENS = ", ".join(map(literal, MISSING))
TOKEN_SET = frozenset(MISSING)

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
    survivors = _survivors(engine, table)
    names = unique_names(table.labels)
    guesses = [
        _field(column, name, likely)
        for column, name, likely in zip(table.columns, names, survivors, strict=True)
    ]
    measures = [
        measure_sql(cell_sql(column, guess, ("",)))
        for column, guess in zip(table.columns, guesses, strict=True)
    ]
    tried = [_first_choice(likely) for likely in survivors]
    rows, counts, stats = _count_all(engine, table, tried, measures)
    # Where a late row rules the first choice out, the others are asked in one more pass.
    open_ones = [
        n for n, (likely, found) in enumerate(zip(tried, counts, strict=True))
        if len(likely) < len(survivors[n]) and not _fits(likely[0], found)
    ]  # fmt: skip
    if open_ones:
        part = [table.columns[n] for n in open_ones]
        others = [survivors[n] for n in open_ones]
        _, again, _ = _count_all(engine, replace(table, columns=tuple(part)), others, [])
        for n, found in zip(open_ones, again, strict=True):
            counts[n] = found
            tried[n] = survivors[n]
    fields = tuple(
        _settled(column, name, likely, found)
        for column, name, likely, found in zip(table.columns, names, tried, counts, strict=True)
    )
    stats = [
        replace(figures, filled=figures.filled - found.tokens) if field.missing_values else figures
        for field, figures, found in zip(fields, stats, counts, strict=True)
    ]
    settled = _measured_again(engine, table, guesses, fields, stats)
    return Inferred(TableSchema(_missing_named(engine, table, fields)), rows, tuple(settled))


def _survivors(engine: duckdb.DuckDBPyConnection, table: Table) -> list[list[Candidate]]:
    """The candidates that fit each column's first texts. Asking the engine for all of them
    would cost it more to plan than to run."""
    texts = ", ".join(column.text for column in table.columns)
    kinds = ", ".join(
        f"coalesce({column.kind_sql}, 'text') = 'text'" if column.kind is None else "true"
        for column in table.columns
    )
    query = f"SELECT [{texts}], [{kinds}] FROM {table.relation} LIMIT {FIRST_ROWS}"
    seen: list[set[str]] = [set() for _ in table.columns]
    for cells, textual in engine.execute(query).fetchall():
        for column, cell, is_text in zip(seen, cells, textual, strict=True):
            if cell is not None and is_text:
                column.add(cell)
    return [
        [each for each in CANDIDATES.values() if each.survives(texts - TOKEN_SET)]
        if _textual(column)
        else []
        for column, texts in zip(table.columns, seen, strict=True)
    ]


def _count_all(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    tried: Sequence[Sequence[Candidate]],
    measures: Sequence[Measure],
) -> tuple[int, list[_Counts], list[ColumnStats]]:
    """Count and measure over all rows; a wide table in several passes."""
    counts: list[_Counts] = []
    stats: list[ColumnStats] = []
    rows = 0
    for start in range(0, len(table.columns), COLUMNS_AT_ONCE):
        part = slice(start, start + COLUMNS_AT_ONCE)
        rows, some, figures = _count(
            engine, table.relation, table.columns[part], tried[part], measures[part]
        )
        counts += some
        stats += figures
    return rows, counts, stats


def _first_choice(likely: Sequence[Candidate]) -> list[Candidate]:
    """The first candidate, with the one it must be told apart from."""
    if not likely:
        return []
    return [each for each in likely if each in likely[:1] or each.name == likely[0].unless]


def _fits(candidate: Candidate, found: _Counts) -> bool:
    """Whether the candidate holds for the whole column, without doubt."""
    text_cells = found.filled - found.tokens - sum(found.kinds.values())
    return (
        found.fitting[candidate.name] == text_cells
        and found.varied.get(candidate.name, True)
        and found.fitting.get(candidate.unless or "") != text_cells
    )


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
        filled, tokens = next(cursor) or 0, next(cursor) or 0
        kinds: dict[str, int] = {}
        if column.kind is None:
            kinds = {kind: next(cursor) or 0 for kind in BY_KIND}
        fitting, varied = {}, {}
        for candidate in candidates:
            fitting[candidate.name] = next(cursor) or 0
            if candidate.varied:
                varied[candidate.name] = 0 < (next(cursor) or 0) < fitting[candidate.name]
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
        fits = f"{native}{candidate.condition(text)}"
        wanted.append(f"count_if({fits})")
        if candidate.varied:
            yes = ", ".join(map(literal, candidate.field.true_values))
            wanted.append(f"count_if({text} IN ({yes}))")
    return wanted


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
        if not _fits(candidate, found):
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


def _missing_named(
    engine: duckdb.DuckDBPyConnection, table: Table, fields: Sequence[Field]
) -> tuple[Field, ...]:
    """The fields, with only those texts as missing values that the file does use."""
    open_ones = [n for n, field in enumerate(fields) if field.missing_values is not None]
    if not open_ones:
        return tuple(fields)
    texts = [table.columns[n].text for n in open_ones]
    wanted = [f"list(DISTINCT {text}) FILTER (WHERE {text} IN ({TOKENS}))" for text in texts]
    row = engine.execute(f"SELECT {', '.join(wanted)} FROM {table.relation}").fetchone() or ()
    named = list(fields)
    for n, used in zip(open_ones, row, strict=True):
        named[n] = replace(fields[n], missing_values=("", *sorted(used)))
    return tuple(named)


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
