"""Count, over all rows, the cells that meet each candidate of their column's type."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.check.first_texts import is_value
from entrepot.inspection.check.type_candidates import Candidate
from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.line_prefilter import Prefiltered, prefilter
from entrepot.inspection.line_regex import ANYTHING, INFERRED, CellRegex
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind, Column, Table, table_of_unmatched
from entrepot.inspection.values.cell_sql import full_match
from entrepot.inspection.values.json_forms import INFINITE

TYPE_BY_KIND: dict[CellKind, str] = {
    "integer": "integer",
    "decimal": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "duration": "duration",
    "object": "object",
    "array": "array",
    "binary": "any",
    "formula": "any",
    "other": "any",
}


@dataclass(frozen=True)
class CellCounts:
    """Of one column: cells with text, native ones by kind, those that meet each candidate, and
    whether each candidate has the evidence that it asks for. `marks` are texts that mean a missing
    value, `infinite` those that JSON has for infinities; not asked for at first."""

    filled: int
    kinds: dict[CellKind, int]
    fitting: dict[str, int]
    evident: dict[str, bool]
    marks: int = 0
    infinite: int = 0

    def without_formulas(self) -> "CellCounts":
        """The counts as they are without the formulas that have no value."""
        formulas = self.kinds.get("formula", 0)
        kinds: dict[CellKind, int] = {**self.kinds, "formula": 0}
        return replace(self, filled=self.filled - formulas, kinds=kinds)

    @property
    def texts(self) -> int:
        """Cells with a text that is a value."""
        return self.filled - self.marks - sum(self.kinds.values())


def fits(candidate: Candidate, counts: CellCounts) -> bool:
    """Whether the candidate holds for the whole column, without doubt."""
    return (
        counts.fitting[candidate.name] == counts.texts
        and counts.evident.get(candidate.name, True)
        and counts.fitting.get(candidate.unless or "") != counts.texts
    )


@dataclass(frozen=True)
class Totals:
    """Rows of the table, line ends inside its cells, and rows whose asked cells are all empty.
    `controls`: texts have control characters, None where that is not known."""

    rows: int
    embedded: int | None
    blank: int
    controls: bool | None = None


def count_prefiltered(
    engine: duckdb.DuckDBPyConnection, table: Table, tried: Sequence[Sequence[Candidate]]
) -> tuple[Totals, list[CellCounts]] | None:
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
    part = replace(table.select(without_pattern), embedded=lambda: 0)
    _, part_counts = count_cells(engine, part, [tried[n] for n in without_pattern])
    for n, each in zip(without_pattern, part_counts, strict=True):
        counts[n] = each
    return totals, counts


def _count_beside(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    tried: Sequence[Sequence[Candidate]],
    prefiltered: Prefiltered,
) -> tuple[Totals, list[CellCounts]] | None:
    """The counts of the unmatched lines, added to those of the matched ones."""
    # Counted as one: the sample has cells with values in each such column, and all of them fit.
    matched = [CellCounts(1, {}, {each.name: 1 for each in likely}, {}) for likely in tried]
    if not prefiltered.unmatched:
        return Totals(prefiltered.rows, None, 0, controls=False), matched
    totals, counts = count_cells(engine, table_of_unmatched(table), tried)
    if totals.rows != prefiltered.unmatched:
        return None
    summed = [_add_counts(first, second) for first, second in zip(matched, counts, strict=True)]
    controls = prefiltered.controls
    return replace(totals, rows=prefiltered.rows, embedded=None, controls=controls), summed


def _add_counts(matched: CellCounts, unmatched: CellCounts) -> CellCounts:
    fitting = {name: matched.fitting[name] + count for name, count in unmatched.fitting.items()}
    return replace(unmatched, filled=matched.filled + unmatched.filled, fitting=fitting)


def _pattern(likely: Sequence[Candidate]) -> CellRegex | None:
    """What the first choice lets through; anything, if there is none."""
    if not likely:
        return ANYTHING
    # Else it is ambiguous, or needs evidence that a pattern of lines does not collect.
    alone = len(likely) == 1 and not likely[0].evidence
    usual = INFERRED.get(likely[0].name) if alone else None
    return CellRegex(usual) if usual else None


def count_cells(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    tried: Sequence[Sequence[Candidate]],
    in_full: bool = False,
) -> tuple[Totals, list[CellCounts]]:
    """Count over all rows; a wide table in several passes. `in_full`: the marks too."""
    counts: list[CellCounts] = []
    totals = Totals(0, 0, 0)
    width = len(table.columns)
    for start in range(0, width, COLUMNS_PER_QUERY):
        part = slice(start, min(width, start + COLUMNS_PER_QUERY))
        with_totals = start == 0 and not in_full
        source = table if width <= COLUMNS_PER_QUERY else table.narrow(range(start, part.stop))
        part_totals, part_counts = _count(
            engine, source, source.columns[part], tried[part], in_full, with_totals
        )
        totals = part_totals if start == 0 else totals
        counts += part_counts
    return totals, counts


def _count(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    columns: Sequence[Column],
    tried: Sequence[Sequence[Candidate]],
    in_full: bool,
    with_totals: bool,
) -> tuple[Totals, list[CellCounts]]:
    """Count in one pass what `CellCounts` holds; `with_totals`: and what `Totals` holds.

    Columns that can be nothing but text are not asked, unless there are no others: a scan that
    leaves them out costs a fifth less.
    """
    counted_columns = [
        column for column, some in zip(columns, tried, strict=True) if some
    ] or columns
    blank = " AND ".join(map(_is_empty, counted_columns))
    aggregates = [
        sql("count(*)"),
        f"count_if({blank})" if with_totals else sql("0"),
    ]
    for column, candidates in zip(columns, tried, strict=True):
        aggregates += _count_sql(column, candidates, in_full, table.storage == "objects")
    embedded = table.embedded() if with_totals else 0
    query = f"SELECT {', '.join(aggregates)} FROM {table.relation}"
    cursor = iter(engine.execute(query).fetchone() or [])
    rows, blanks = (int(next(cursor) or 0) for _ in range(2))
    counts = []
    for column, candidates in zip(columns, tried, strict=True):
        filled = 0
        kinds: dict[CellKind, int] = {}
        if candidates or column.kind is None:
            filled = next(cursor) or 0
        if column.kind is None:
            kinds = {kind: next(cursor) or 0 for kind in TYPE_BY_KIND}
        fitting, evident = {}, {}
        for candidate in candidates:
            fitting[candidate.name] = next(cursor) or 0
            evidence = [next(cursor) or 0 for _ in candidate.evidence]
            evident[candidate.name] = all(evidence)
        more = [next(cursor) or 0 for _ in range(2 if in_full else 0)]
        counts.append(CellCounts(filled, kinds, fitting, evident, *more))
    return Totals(rows, embedded, blanks), counts


def _is_empty(column: Column) -> Sql:
    """The condition that a cell is empty in every type: a format with kinds of cells has empty
    texts beside missing ones."""
    text = column.text
    return f"{text} IS NULL" if column.kind else f"({text} IS NULL OR {text} = '')"


def _count_sql(
    column: Column, candidates: Sequence[Candidate], in_full: bool, in_json: bool
) -> list[Sql]:
    text = column.text
    aggregates = [f"count({text})"] if candidates or column.kind is None else []
    native = sql("")
    if column.kind is None:
        aggregates += [f"count_if({column.kind_sql} = {literal(kind)})" for kind in TYPE_BY_KIND]
        native = f"{column.kind_sql} = 'text' AND "
    for candidate in candidates:
        fits = f"{native}{candidate.condition(text)}"
        aggregates.append(f"count_if({fits})")
        aggregates += [f"count_if({full_match(text, each)})" for each in candidate.evidence]
    if in_full:
        aggregates.append(f"count_if({native}NOT {is_value(text)})")
        # Of the formats whose cells differ in their kind JSON alone writes infinities so.
        infinite = f"count_if({native}{text} IN {INFINITE})" if native and in_json else sql("0")
        aggregates.append(infinite)
    return aggregates
