"""The profile: what each column holds, measured in the same pass that judges it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.cells import CellSql
from entrepot.inspection.report import shortened
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema

ORDERED = frozenset({"integer", "number", "date", "time", "datetime", "year", "yearmonth"})
NUMERIC = frozenset({"integer", "number", "year"})


@dataclass(frozen=True)
class Measure:
    """The aggregates that measure one column under one type, and the type."""

    type: str
    aggregates: tuple[str, ...]


@dataclass(frozen=True)
class ColumnStats:
    """One column: cells with a value, distinct values (an estimate), extremes, mean."""

    filled: int
    distinct: int
    minimum: Any = None
    maximum: Any = None
    mean: float | None = None


def measure_sql(cell: CellSql) -> Measure:
    """The aggregates for a column judged as `cell`; extremes are taken of sound values."""
    kind = cell.field.type
    value = cell.value if kind in ORDERED else cell.text
    sound = value if kind in ORDERED else f"CASE WHEN {cell.present} THEN {value} END"
    aggregates = [
        f"count_if({cell.present})",
        f"approx_count_distinct({cell.text})",
        f"min({sound})::VARCHAR",
        f"max({sound})::VARCHAR",
    ]
    if kind in NUMERIC:
        aggregates.append(f"avg(({sound})::DOUBLE)")
    return Measure(kind, tuple(aggregates))


def read_stats(measures: Sequence[Measure], row: Sequence[Any]) -> list[ColumnStats]:
    """Take the results of the measures' aggregates, in order, from `row`."""
    values = iter(row)
    stats = []
    for measure in measures:
        filled, distinct, low, high = (next(values) for _ in range(4))
        mean = next(values) if measure.type in NUMERIC else None
        stats.append(
            ColumnStats(
                filled=int(filled or 0),
                distinct=min(int(distinct or 0), int(filled or 0)),
                minimum=_shown(low, measure.type),
                maximum=_shown(high, measure.type),
                mean=mean if mean is not None and math.isfinite(mean) else None,
            )
        )
    return stats


def _shown(value: str | None, kind: str) -> Any:
    if value is None:
        return None
    if kind in ("integer", "year"):
        return int(value)
    if kind == "number":
        number = float(value)
        return number if math.isfinite(number) else value
    return shortened(value.replace(" ", "T") if kind == "datetime" else value, 200)


def file_profile(
    table: Table, schema: TableSchema, rows: int, stats: Sequence[ColumnStats], size: int
) -> dict[str, Any]:
    """The profile of a file of `size` bytes as JSON."""
    columns = []
    for column, field, figures in zip(table.columns, schema.fields, stats, strict=False):
        described: dict[str, Any] = {
            "name": field.name,
            "label": column.label,
            "type": field.type,
            "rows": rows,
            "nulls": rows - figures.filled,
            "distinct": figures.distinct,
            "distinctIsEstimate": True,
            "minimum": figures.minimum,
            "maximum": figures.maximum,
        }
        if field.type in NUMERIC:
            described["mean"] = figures.mean
        columns.append(described)
    return {
        "file": {"bytes": size, "mediaType": table.media_type, **table.description},
        "table": {"rows": rows, "columns": len(table.columns), "header": table.header},
        "columns": columns,
    }
