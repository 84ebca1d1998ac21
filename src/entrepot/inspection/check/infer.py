"""Infer the schema of a table over all of its rows.

The first rows rule candidates out (what fails there fails in the whole); one pass over everything
settles the first choice of each column; only where a later row rules that out, or some texts may
mean "no value", one more pass asks those columns for everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.check.type_candidates import CANDIDATES, MISSING, Candidate
from entrepot.inspection.line_prefilter import Prefiltered, prefilter
from entrepot.inspection.line_regex import ANYTHING, INFERRED, CellRegex
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind, Column, Table, table_of_unmatched
from entrepot.schemas.model import Field, TableSchema

MAX_FIRST_ROWS, MIN_FIRST_ROWS, MAX_FIRST_CELLS = 1_000, 100, 200_000
"""The rows by which candidates are chosen before all rows are asked; fewer of wide tables, since
Python compares each cell with each candidate."""
COLUMNS_PER_QUERY = 200
"""A wide table is asked in several passes, so that its expressions fit into memory."""
MAX_LABEL_CHARS, MAX_NUMBERED_CHARS = 1_000, 900
"""Of a name that is made of a label; and before the number that tells it from the same one."""
TOKENS = ", ".join(map(literal, MISSING))
TOKEN_SET = frozenset(MISSING)

TYPE_BY_KIND: dict[CellKind, str] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "duration": "duration",
    "object": "object",
    "array": "array",
    "other": "any",
}


@dataclass(frozen=True)
class Inferred:
    """The schema and the count of data rows; `embedded` are the line ends inside cells, None
    where every line of the text is accounted for.
    `maybe_blank`: there may be rows without any value."""

    schema: TableSchema
    rows: int
    embedded: int | None
    maybe_blank: bool


@dataclass(frozen=True)
class _Counts:
    """Of one column: cells with text, native ones by kind, those that meet each candidate, and
    whether those are of more than one value. `tokens` are texts that may mean missing, `used`
    which ones there are; not asked for at first."""

    filled: int
    kinds: dict[str, int]
    fitting: dict[str, int]
    varied: dict[str, bool]
    tokens: int = 0
    used: tuple[str, ...] = ()


def infer_schema(engine: duckdb.DuckDBPyConnection, table: Table) -> Inferred:
    """Infer over the whole of `table`. Raises duckdb.Error where the scan fails."""
    survivors = _survivors(engine, table)
    names = unique_names(table.labels)
    candidates = [_first_choice(likely) for likely in survivors]
    # Of a column that is empty in the first rows, nothing can be expected.
    expected = all(len(likely) < len(CANDIDATES) for likely in survivors)
    prefiltered = _count_prefiltered(engine, table, candidates) if expected else None
    totals, counts = prefiltered or _count_all(engine, table, candidates)
    open_ones = [
        n
        for n, (likely, counted) in enumerate(zip(candidates, counts, strict=True))
        if likely and counted.filled and not _fits(likely[0], counted)
    ]
    if open_ones:
        part = replace(table, columns=tuple(table.columns[n] for n in open_ones))
        others = [survivors[n] for n in open_ones]
        _, again = _count_all(engine, part, others, in_full=True)
        for n, counted in zip(open_ones, again, strict=True):
            counts[n] = counted
            candidates[n] = survivors[n]
    fields = tuple(
        _make_field(column, name, likely, counted)
        for column, name, likely, counted in zip(
            table.columns, names, candidates, counts, strict=True
        )
    )
    tokens = any(field.missing_values is not None for field in fields)
    return Inferred(TableSchema(fields), totals.rows, totals.embedded, tokens or totals.blank > 0)


def _survivors(engine: duckdb.DuckDBPyConnection, table: Table) -> list[list[Candidate]]:
    """The candidates that fit each column's first texts. Asking the engine for all of them
    would cost it more to plan than to run."""
    if table.typed:
        return [[] for _ in table.columns]
    texts = ", ".join(column.text for column in table.columns)
    kinds = ", ".join(
        f"coalesce({column.kind_sql}, 'text') = 'text'" if column.kind is None else "true"
        for column in table.columns
    )
    rows = min(MAX_FIRST_ROWS, max(MIN_FIRST_ROWS, MAX_FIRST_CELLS // max(1, len(table.columns))))
    query = f"SELECT [{texts}], [{kinds}] FROM {table.relation} LIMIT {rows}"
    distinct: list[set[str]] = [set() for _ in table.columns]
    for cells, textual in engine.execute(query).fetchall():
        for column, cell, is_text in zip(distinct, cells, textual, strict=True):
            if cell is not None and is_text:
                column.add(cell)
    return [
        [candidate for candidate in CANDIDATES.values() if candidate.survives(texts - TOKEN_SET)]
        if _textual(column)
        else []
        for column, texts in zip(table.columns, distinct, strict=True)
    ]


@dataclass(frozen=True)
class _Totals:
    """Rows of the table, line ends inside its cells, and rows whose asked cells are all empty."""

    rows: int
    embedded: int | None
    blank: int


def _count_prefiltered(
    engine: duckdb.DuckDBPyConnection, table: Table, tried: Sequence[Sequence[Candidate]]
) -> tuple[_Totals, list[_Counts]] | None:
    """Count over the rows that one look at their lines does not show to fit, as the others do;
    None where that cannot be done."""
    if table.lines is None:
        return None
    patterns = [_pattern(likely) for likely in tried]
    without_pattern = [n for n, pattern in enumerate(patterns) if pattern is None]
    # A further scan for those columns is worth it as long as most have a pattern (ADR 0014).
    if len(without_pattern) * 2 > len(patterns):
        return None
    prefiltered = prefilter(engine, table.lines, [pattern or ANYTHING for pattern in patterns])
    if prefiltered is None:
        return None
    counted = _count_beside(engine, table, tried, prefiltered)
    if counted is None or not without_pattern:
        return counted
    totals, counts = counted
    part = replace(
        table, columns=tuple(table.columns[n] for n in without_pattern), embedded=lambda: sql("0")
    )
    _, part_counts = _count_all(engine, part, [tried[n] for n in without_pattern])
    for n, each in zip(without_pattern, part_counts, strict=True):
        counts[n] = each
    return totals, counts


def _count_beside(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    tried: Sequence[Sequence[Candidate]],
    prefiltered: Prefiltered,
) -> tuple[_Totals, list[_Counts]] | None:
    """The counts of the unmatched lines, added to those of the matched ones."""
    # Counted as one: the sample has cells with values in each such column, and all of them fit.
    matched = [_Counts(1, {}, {each.name: 1 for each in likely}, {}) for likely in tried]
    if not prefiltered.unmatched:
        return _Totals(prefiltered.rows, None, 0), matched
    totals, counts = _count_all(engine, table_of_unmatched(table), tried)
    if totals.rows != prefiltered.unmatched:
        return None
    summed = [_add_counts(first, second) for first, second in zip(matched, counts, strict=True)]
    return replace(totals, rows=prefiltered.rows, embedded=None), summed


def _add_counts(matched: _Counts, unmatched: _Counts) -> _Counts:
    fitting = {name: matched.fitting[name] + count for name, count in unmatched.fitting.items()}
    return replace(unmatched, filled=matched.filled + unmatched.filled, fitting=fitting)


def _pattern(likely: Sequence[Candidate]) -> CellRegex | None:
    """What the first choice lets through; anything, if there is none."""
    if not likely:
        return ANYTHING
    usual = INFERRED.get(likely[0].name) if len(likely) == 1 else None  # else ambiguous
    return CellRegex(usual) if usual else None


def _count_all(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    tried: Sequence[Sequence[Candidate]],
    in_full: bool = False,
) -> tuple[_Totals, list[_Counts]]:
    """Count over all rows; a wide table in several passes. `in_full`: the tokens too."""
    counts: list[_Counts] = []
    totals = _Totals(0, 0, 0)
    for start in range(0, len(table.columns), COLUMNS_PER_QUERY):
        part = slice(start, start + COLUMNS_PER_QUERY)
        with_totals = start == 0 and not in_full
        columns = table.columns[part]
        part_totals, part_counts = _count(engine, table, columns, tried[part], in_full, with_totals)
        totals = part_totals if start == 0 else totals
        counts += part_counts
    return totals, counts


def _first_choice(likely: Sequence[Candidate]) -> list[Candidate]:
    """The first candidate, with the one that it may be confused with."""
    if not likely:
        return []
    return [each for each in likely if each in likely[:1] or each.name == likely[0].unless]


def _fits(candidate: Candidate, counts: _Counts) -> bool:
    """Whether the candidate holds for the whole column, without doubt."""
    text_cells = counts.filled - counts.tokens - sum(counts.kinds.values())
    return (
        counts.fitting[candidate.name] == text_cells
        and counts.varied.get(candidate.name, True)
        and counts.fitting.get(candidate.unless or "") != text_cells
    )


def unique_names(labels: Sequence[str]) -> list[str]:
    """A name for each column: its label, made up where blank, numbered where doubled."""
    taken: set[str] = set()
    names = []
    for number, label in enumerate(labels, start=1):
        base = label[:MAX_LABEL_CHARS].replace("\0", "") or f"column_{number}"
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base[:MAX_NUMBERED_CHARS]}_{count}"
        taken.add(name)
        names.append(name)
    return names


def _textual(column: Column) -> bool:
    return column.kind in ("text", None)


def _count(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    columns: Sequence[Column],
    tried: Sequence[Sequence[Candidate]],
    in_full: bool,
    with_totals: bool,
) -> tuple[_Totals, list[_Counts]]:
    """Count in one pass what `_Counts` holds; `with_totals`: and what `_Totals` holds.

    Columns that can be nothing but text are not asked, unless there are no others: a scan that
    leaves them out costs a fifth less.
    """
    counted_columns = [
        column for column, some in zip(columns, tried, strict=True) if some
    ] or columns
    blank = " AND ".join(f"{column.text} IS NULL" for column in counted_columns)
    aggregates = [
        sql("count(*)"),
        *([table.embedded(), f"count_if({blank})"] if with_totals else [sql("0"), sql("0")]),
    ]
    for column, candidates in zip(columns, tried, strict=True):
        aggregates += _count_sql(column, candidates, in_full)
    query = f"SELECT {', '.join(aggregates)} FROM {table.relation}"
    cursor = iter(engine.execute(query).fetchone() or [])
    rows, embedded, blanks = (int(next(cursor) or 0) for _ in range(3))
    counts = []
    for column, candidates in zip(columns, tried, strict=True):
        filled = 0
        kinds: dict[str, int] = {}
        if candidates or column.kind is None:
            filled = next(cursor) or 0
        if column.kind is None:
            kinds = {kind: next(cursor) or 0 for kind in TYPE_BY_KIND}
        fitting, varied = {}, {}
        for candidate in candidates:
            fitting[candidate.name] = next(cursor) or 0
            if candidate.varied:
                varied[candidate.name] = 0 < (next(cursor) or 0) < fitting[candidate.name]
        tokens, used = (next(cursor) or 0, next(cursor) or []) if in_full else (0, [])
        counts.append(_Counts(filled, kinds, fitting, varied, tokens, tuple(sorted(used))))
    return _Totals(rows, embedded, blanks), counts


def _count_sql(column: Column, candidates: Sequence[Candidate], in_full: bool) -> list[Sql]:
    text = column.text
    aggregates = [f"count({text})"] if candidates or column.kind is None else []
    native = sql("")
    if column.kind is None:
        aggregates += [f"count_if({column.kind_sql} = {literal(kind)})" for kind in TYPE_BY_KIND]
        native = f"{column.kind_sql} = 'text' AND "
    for candidate in candidates:
        fits = f"{native}{candidate.condition(text)}"
        aggregates.append(f"count_if({fits})")
        if candidate.varied:
            yes = ", ".join(map(literal, candidate.field.true_values))
            aggregates.append(f"count_if({text} IN ({yes}))")
    if in_full:
        token = f"{text} IN ({TOKENS})"
        aggregates += [f"count_if({token})", f"list(DISTINCT {text}) FILTER (WHERE {token})"]
    return aggregates


def _make_field(column: Column, name: str, likely: Sequence[Candidate], counts: _Counts) -> Field:
    """The field that all rows agree on."""
    if column.kind not in ("text", None):
        return Field(name, TYPE_BY_KIND[column.kind])
    if column.kind is None and any(counts.kinds.values()):
        return _field_by_kind(name, counts)
    if counts.filled == counts.tokens:
        return Field(name)
    for candidate in likely:
        if not _fits(candidate, counts):
            continue
        if column.kind is None and candidate.field.type not in ("date", "time", "datetime"):
            continue
        field = replace(candidate.field, name=name)
        return replace(field, missing_values=("", *counts.used)) if counts.tokens else field
    return Field(name)


def _field_by_kind(name: str, counts: _Counts) -> Field:
    """JSON and workbooks say themselves what a value is; a column of several kinds is any,
    but for texts that mean a missing value (`n/a` among numbers)."""
    kinds = {kind for kind, count in counts.kinds.items() if count > 0}
    native: int = sum(counts.kinds.values())
    if native < counts.filled - counts.tokens:
        return Field(name, "any")
    missing = ("", *counts.used) if counts.tokens else None
    if kinds == {"integer", "number"}:
        return Field(name, "number", missing_values=missing)
    if len(kinds) != 1:
        return Field(name, "any")
    return Field(name, TYPE_BY_KIND[kinds.pop()], missing_values=missing)  # type: ignore[index]
