"""What is in each column of a derived Parquet file: counts, extremes, spread, common values.

Some columns at a time, in bounded memory: their figures, then what needs their extremes
(histograms, the shortest and the longest text), then each one's distinct and most common
values. What is not exact says so.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.convert.column_stats import (
    MAX_CATEGORIES,
    MAX_EXACT_INTEGER,
    MAX_SQUARED,
    MAX_SUM_DIGITS,
    MAX_VALUE_CHARS,
    QUANTILES,
    ColumnStats,
    exact_number,
    json_value,
    json_value_at,
    sort_of,
)
from entrepot.inspection.convert.few_rows import FEW_ROWS, measure_few
from entrepot.inspection.convert.histogram import bins_of, histogram
from entrepot.inspection.report.report import shortened
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.stored_parquet import StoredColumn, StoredParquet, open_stored

COLUMNS_PER_QUERY = 25
"""Columns that are measured in one pass: each takes memory for its distinct values."""
MAX_ROWS_IN_MEMORY = 100_000
"""Rows up to which some columns at a time are measured in memory."""
MAX_EXACT_DISTINCT = 10_000_000
"""Distinct values up to which they are counted exactly; beyond it the figure is an estimate."""
MAX_EXACT_QUANTILE_ROWS = 200_000
"""Rows up to which quantiles are exact: beyond it they would not fit into bounded memory."""
TOP_VALUES = 10
"""Most frequent values that a column's profile has."""
MAX_ENUM_VALUES = 20
"""Distinct texts up to which an enum is suggested,"""
MIN_ENUM_TIMES = 10
"""if each occurs so often on average: fewer may be names of a short list."""


@dataclass(frozen=True)
class ProfiledColumn:
    """A column by its name and type in the schema; the texts that mean a missing value, why it was
    kept as texts, if it was, and what its field allows and no cell uses, by property."""

    name: str
    type: str
    missing: tuple[str, ...] = ()
    kept: str = ""
    unused: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def profile_columns(
    engine: duckdb.DuckDBPyConnection,
    parquet: Path,
    columns: Sequence[ProfiledColumn],
    rows: int,
    few_rows: int = FEW_ROWS,
) -> list[dict[str, Any]]:
    """The profile of each column of `parquet`, which has this many rows; `columns` are what the
    schema says of them. Up to `few_rows` rows are counted here instead of by the engine.

    Raises duckdb.Error where the file cannot be read or measured.
    """
    stored = open_stored(engine, parquet, names=[column.name for column in columns])
    measured_columns = [
        ColumnStats(
            column.name, column.type, kept.stored_as, kept.sql, sort_of(kept.stored_as), column.kept
        )
        for column, kept in zip(columns, stored.columns, strict=True)
    ]
    exact = rows <= MAX_EXACT_QUANTILE_ROWS
    for start in range(0, len(measured_columns), COLUMNS_PER_QUERY):
        end = start + COLUMNS_PER_QUERY
        part = measured_columns[start:end]
        source = _without_missing(stored, stored.columns[start:end], columns[start:end])
        if rows <= few_rows:
            measure_few(engine, source, part)
            continue
        near = _near(engine, source, part, rows)
        _measure(engine, near, part, _first_pass)
        _measure(engine, near, part, lambda each: _second_pass(each, exact))
        for each in part:
            _count_values(engine, near, each)
    documents = [_document(each, rows, exact) for each in measured_columns]
    for column, document in zip(columns, documents, strict=True):
        if column.unused:
            document["unused"] = dict(column.unused)
    return documents


def _without_missing(
    stored: StoredParquet, some: Sequence[StoredColumn], columns: Sequence[ProfiledColumn]
) -> Sql:
    """The relation of `some` of the columns, in which texts that mean a missing value are NULL:
    forms of typed formats keep them as they were delivered."""
    selected = []
    for column, kept in zip(columns, some, strict=True):
        value = kept.delivered
        if column.missing and kept.stored_as == "VARCHAR":
            missing = ", ".join(map(literal, column.missing))
            value = f"CASE WHEN {value} NOT IN ({missing}) THEN {value} END"
        selected.append(f"{value} AS {kept.sql}")
    return f"(SELECT {', '.join(selected)} FROM {stored.source})"


def _measure(
    engine: duckdb.DuckDBPyConnection,
    source: Sql,
    columns: Sequence[ColumnStats],
    aggregates: Callable[[ColumnStats], dict[str, Sql]],
) -> None:
    """Take the aggregates that each column wants, in one pass."""
    requested = [(column, *each) for column in columns for each in aggregates(column).items()]
    if not requested:
        return
    query = f"SELECT {', '.join(sql for _, _, sql in requested)} FROM {source}"
    values = engine.execute(query).fetchone() or ()
    for (column, name, _), value in zip(requested, values, strict=True):
        column.figures[name] = value


def _near(
    engine: duckdb.DuckDBPyConnection, source: Sql, columns: Sequence[ColumnStats], rows: int
) -> Sql:
    """Where to measure these columns: a few rows are copied out first, since each query of a
    file costs by the columns that the file has."""
    if rows > MAX_ROWS_IN_MEMORY:
        return source
    selected = ", ".join(column.sql for column in columns)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE near AS SELECT {selected} FROM {source}")
    return sql("near")


def _first_pass(column: ColumnStats) -> dict[str, Sql]:
    value, name = column.value, column.sql
    aggregates = {"filled": f"count({name})", "estimate": f"approx_count_distinct({name})"}
    if column.sort == "other":
        return aggregates
    aggregates |= {"low": f"min({value})::VARCHAR", "high": f"max({value})::VARCHAR"}
    match column.sort:
        case "boolean":
            aggregates |= {"true": f"count_if({name})", "false": f"count_if(NOT {name})"}
        case "text":
            aggregates |= {"short": f"min(length({name}))", "long": f"max(length({name}))"}
        case _:
            scaled = column.scaled
            aggregates |= {"from": f"min({scaled})", "to": f"max({scaled})"}
    return aggregates


def _second_pass(column: ColumnStats, exact: bool) -> dict[str, Sql]:
    figures = column.figures
    if column.is_wide:
        return _exact_aggregates(column, exact)
    if column.sort == "text" and figures["filled"]:
        lengths = {f"{word}_length": figures[word] for word in ("short", "long")}
        figures |= lengths
        texts = {
            word: f"min({column.sql}) FILTER (length({column.sql}) = {int(figures[word])})"
            for word in ("short", "long")
        }
        return {word: f"left({sql}, {MAX_VALUE_CHARS + 1})" for word, sql in texts.items()}
    if not column.scaled or figures["from"] is None:
        return {}
    quantile = sql("quantile_cont" if column.sort == "number" else "quantile_disc")
    quantile = quantile if exact else sql("approx_quantile")
    shares = sql(f"{list(QUANTILES.values())}")
    aggregates: dict[str, Sql] = {"quantiles": f"{quantile}({column.scaled}, {shares})"}
    low, high = figures["from"], figures["to"]
    if column.sort == "number" and max(abs(low), abs(high)) < MAX_SQUARED:
        aggregates |= {
            "mean": f"avg({column.scaled})",
            "stddev": f"stddev_samp({column.scaled})",
        }
    bins = bins_of(low, high, whole=column.whole)
    if bins is not None:
        column.bins = bins
        aggregates["bins"] = f"histogram({bins.number_sql(column.scaled)})"
    return aggregates


def _exact_aggregates(column: ColumnStats, exact: bool) -> dict[str, Sql]:
    """The figures of numbers that a double would round, as texts: the sum, where it fits into the
    engine's 128 bits, and values as quantiles. There is no histogram of them."""
    aggregates: dict[str, Sql] = {}
    if column.has_exact_sum:
        aggregates["sum"] = f"sum({column.sql})::VARCHAR"
    if exact:
        shares = sql(f"{list(QUANTILES.values())}")
        aggregates["quantiles"] = f"quantile_disc({column.sql}, {shares})::VARCHAR[]"
    return aggregates


def _count_values(engine: duckdb.DuckDBPyConnection, source: Sql, column: ColumnStats) -> None:
    """Distinct values, and the most common ones with their counts."""
    figures = column.figures
    figures["distinct"], figures["is_estimate"] = figures["estimate"], True
    if figures["estimate"] > MAX_EXACT_DISTINCT:
        figures["top"] = _likely_top(engine, source, column.text)
        return
    value = column.text if column.sort == "other" else column.sql
    counted = (
        f"SELECT {value} AS v, count(*) AS n FROM {source} "
        f"WHERE {column.sql} IS NOT NULL GROUP BY v"
    )
    most = f"min({{'n': -n, 'v': v}}, {MAX_CATEGORIES})"
    shown_most = f"list_transform({most}, lambda each: {{'n': -each.n, 'v': each.v::VARCHAR}})"
    try:
        row = engine.execute(f"SELECT count(*), {shown_most} FROM ({counted})").fetchone()
    except duckdb.OutOfMemoryException:
        figures["top"] = []
        return
    distinct, top = row or (0, None)
    figures["distinct"], figures["is_estimate"] = int(distinct), False
    figures["top"] = [(each["v"], int(each["n"])) for each in top or ()]


def _likely_top(engine: duckdb.DuckDBPyConnection, source: Sql, text: Sql) -> list[tuple[str, int]]:
    """The most common of very many values: likely ones found in one pass, counted in another."""
    row = engine.execute(f"SELECT approx_top_k({text}, {TOP_VALUES}) FROM {source}").fetchone()
    likely = [value for value in (row[0] if row else None) or () if value is not None]
    if not likely:
        return []
    listed = ", ".join(map(literal, likely))
    counted = engine.execute(
        f"SELECT {text} AS v, count(*) AS n FROM {source} WHERE {text} IN ({listed}) "
        "GROUP BY v ORDER BY n DESC, v"
    )
    return [(str(value), int(count)) for value, count in counted.fetchall()]


def _document(column: ColumnStats, rows: int, exact: bool) -> dict[str, Any]:
    """One column's profile as JSON."""
    figures = column.figures
    filled, distinct = int(figures["filled"]), min(int(figures["distinct"]), int(figures["filled"]))
    estimate = bool(figures["is_estimate"])
    # An estimate may be wrong by some percent: near the count of cells it may be a key or not.
    key = None if estimate and distinct * 10 >= filled * 9 else False
    if not estimate:
        key = rows > 0 and distinct == filled == rows
    described: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "storedAs": column.stored,
        "rows": rows,
        "nulls": rows - filled,
        "distinct": distinct,
        "distinctIsEstimate": estimate,
        "candidateKey": key,
    }
    if column.kept_as_text:
        described["keptAsText"] = column.kept_as_text
    described |= dict(_spread(column, exact))
    described["topValues"] = [
        {"value": json_value(value, column.sort, MAX_VALUE_CHARS), "count": count}
        for value, count in figures["top"][:TOP_VALUES]
        if count > 1
    ]
    often = filled >= MIN_ENUM_TIMES * distinct
    values = [str(value) for value, _ in figures["top"]]
    is_short = column.sort == "text" and all(len(value) <= MAX_VALUE_CHARS for value in values)
    if is_short and not estimate and 0 < distinct <= MAX_CATEGORIES:
        described["categories"] = sorted(values)
    if is_short and not estimate and often and 1 < distinct <= MAX_ENUM_VALUES:
        described["suggestedEnum"] = sorted(values)
    return described


def _spread(column: ColumnStats, exact: bool) -> Iterator[tuple[str, Any]]:
    """What tells how the values of a column lie."""
    figures = column.figures
    if "low" in figures:
        yield "minimum", json_value(figures["low"], column.sort, MAX_VALUE_CHARS)
        yield "maximum", json_value(figures["high"], column.sort, MAX_VALUE_CHARS)
    if column.sort == "boolean":
        yield "trueCount", int(figures["true"] or 0)
        yield "falseCount", int(figures["false"] or 0)
    if column.sort == "text" and "short_length" in figures:
        for word, name in (("short", "shortest"), ("long", "longest")):
            value = shortened(str(figures[word]), MAX_VALUE_CHARS)
            yield name, {"length": int(figures[f"{word}_length"]), "value": value}
    if column.sort == "number":
        yield "mean", _mean(column)
        yield "stddev", _finite(figures.get("stddev"))
    if figures.get("quantiles") is not None:
        values = [
            exact_number(each) if column.is_wide else json_value_at(each, column)
            for each in figures["quantiles"]
        ]
        yield "quantiles", dict(zip(QUANTILES, values, strict=True))
        yield "quantilesAreEstimates", not exact
    if column.bins is not None:
        edges = [json_value_at(edge, column) for edge in column.bins.edges]
        counts = histogram(column.bins, figures["bins"])
        yield "histogram", {"edges": edges, "counts": counts}


def _mean(column: ColumnStats) -> float | int | str | None:
    total = column.figures.get("sum")
    if total is None:
        return _finite(column.figures.get("mean"))
    with localcontext(prec=MAX_SUM_DIGITS):
        mean = Decimal(total) / column.figures["filled"]
        # A mean is not a cell: only what no double comes near is a text.
        return float(mean) if abs(mean) < MAX_EXACT_INTEGER else exact_number(f"{mean:f}")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
