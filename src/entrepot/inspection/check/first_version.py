"""Judge a first version whose schema is to be inferred and frozen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from entrepot.inspection.check.header_errors import check_labels
from entrepot.inspection.check.infer import Inferred, unique_names
from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem, problem_of_finding
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.doubtful_points import describe_doubtful_points
from entrepot.inspection.values.whole_measures import describe_whole_measure
from entrepot.schemas.model import TableSchema

MIXED_ZONES = (
    "{} has values with and without a time zone; the contract allows both, and reads those without "
    'one as UTC. "entrepot:timeZone" in its schema can demand one.'
)
MAX_LISTED_COLUMNS = 5
"""Numbers of columns that a warning lists."""


def judge_first_version(table: Table, inferred: Inferred) -> tuple[Table, list[dict[str, Any]]]:
    """The faults of the header and of the structure; the table with its warnings, and with what
    the contract expects if the version is accepted: a header below titles, names for columns
    without a label, decimals in measures of whole numbers, texts where cells may be numbers or not,
    and moments with and without a zone."""
    first = table.first_version
    labels = [] if first.header_stated_absent else check_labels(table)
    unnamed = [error["fieldNumber"] for error in labels if error["code"] == "blank-label"]
    errors = [error for error in labels if error["code"] != "blank-label"]
    if first.unsure:
        stated = Statement(first.unsure, advice=first.unsure_advice)
        errors.append(problem("unsure-reading", "", stated))
    errors += [problem_of_finding(finding) for finding in first.findings]
    names = unique_names(table.labels)
    named = (
        f"Column {number} has no label; the contract names it {quoted(names[number - 1])}."
        for number in unnamed
    )
    decimals = (describe_whole_measure(quoted(name)) for name in inferred.measures)
    texts = (describe_doubtful_points(quoted(name)) for name in inferred.doubtful)
    zones = (MIXED_ZONES.format(quoted(name)) for name in inferred.zones)
    first = replace(first, accepted=(*first.accepted, *named, *decimals, *texts, *zones))
    warnings = (*table.warnings, *first.warnings)
    return replace(table, warnings=warnings, first_version=first), errors


def without_unlabelled(engine: duckdb.DuckDBPyConnection, table: Table) -> Table:
    """The table without its last columns that have no label, as delimiters at the ends of lines
    make them: they are not columns of a table that becomes a contract, and a value in them is a
    cell too many. Raises duckdb.Error where the scan fails.

    Where the format itself names the columns, one without a name is a column like any other.
    """
    width, left = len(table.columns), _up_to_last_label(table)
    # A row that is wider than the header is a fault, whatever its last cells hold.
    narrow_header = any(each.code == "extra-cell" for each in table.first_version.findings)
    by_place = table.storage in ("text", "workbook")
    if not by_place or not table.header or left == width or narrow_header:
        return table
    filled = _with_values(engine, table, range(left + 1, width + 1))
    empty = [number for number in range(left + 1, width + 1) if number not in filled]
    warnings = (*table.warnings, *([_left_out(empty)] if empty else []))
    if filled or table.uneven:
        table = _with_surplus(table, left, filled)
    return replace(table.select(range(left)), unlabelled=width - left, warnings=warnings)


def only_fields(table: Table, schema: TableSchema) -> Table:
    """The table of a version that was accepted, without the columns that were left out then."""
    width = len(schema.fields)
    return table.select(range(width)) if width < len(table.columns) else table


def _up_to_last_label(table: Table) -> int:
    """How many columns there are up to the last one with a label."""
    labelled = (n for n in range(len(table.labels), 0, -1) if table.labels[n - 1].strip())
    return next(labelled, 1)


def _left_out(columns: Sequence[int]) -> str:
    numbers = [f"{number:,}" for number in columns]
    listed = ", ".join(numbers[:MAX_LISTED_COLUMNS]) + (", …" * (len(numbers) > MAX_LISTED_COLUMNS))
    if len(numbers) == 1:
        return f"Column {listed} has neither a label nor a value; it was left out."
    return f"Columns {listed} have neither a label nor a value; they were left out."


def _with_values(
    engine: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[int]
) -> list[int]:
    """Those of the columns (from 1) that have a value in some row."""
    filled: list[int] = []
    for start in range(0, len(columns), COLUMNS_PER_QUERY):
        part = columns[start : start + COLUMNS_PER_QUERY]
        counts = ", ".join(f"count({table.columns[number - 1].text})" for number in part)
        row = engine.execute(f"SELECT {counts} FROM {table.relation}").fetchone() or ()
        filled += [number for number, count in zip(part, row, strict=True) if count]
    return filled


def _with_surplus(table: Table, left: int, filled: Sequence[int]) -> Table:
    """The table, for whose rows the values in the columns `filled`, beyond the column `left`, are
    cells too many."""
    texts = ((number, table.columns[number - 1].text) for number in filled)
    values = [
        f"CASE WHEN {text} IS NOT NULL THEN json_array({number}, {text}) END"
        for number, text in texts
    ]
    surplus = f"list_filter([{', '.join(values)}]::JSON[], lambda c: c IS NOT NULL)"
    cells = sql(f"{left}")
    if table.uneven:  # the cells beyond all labels follow, each with its column
        place = f"json_array({len(table.columns)} + n, c)"
        further = f"lambda c, n: CASE WHEN json_type(c) = 'ARRAY' THEN c ELSE {place} END"
        beyond = f"list_transform(from_json(_extra, '[\"JSON\"]'), {further})"
        surplus = f"list_concat({surplus}, {beyond})"
        cells = f"least(_cells, {left})"
    known = sql("* EXCLUDE (_cells, _extra)" if table.uneven else "*")
    counted = f"CASE WHEN len({surplus}) > 0 THEN {left} + len({surplus}) ELSE {cells} END"
    listed = f"CASE WHEN len({surplus}) > 0 THEN to_json({surplus})::VARCHAR END"
    selected = f"SELECT {known}, {counted} AS _cells, {listed} AS _extra"
    return replace(
        table,
        relation=f"({selected} FROM {table.relation})",
        numbered=f"({selected} FROM {table.numbered})",
        uneven=True,
        lines=None,
    )
