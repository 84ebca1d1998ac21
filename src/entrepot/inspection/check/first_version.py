"""Judge a first version whose schema is to be inferred and frozen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from entrepot.inspection.check.first_texts import COLUMNS_PER_QUERY
from entrepot.inspection.check.header_errors import check_labels
from entrepot.inspection.check.infer import unique_names
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem, problem_of_finding
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.table import Table
from entrepot.inspection.values.doubtful_points import describe_doubtful_points
from entrepot.inspection.values.whole_measures import describe_whole_measure

MAX_LISTED_COLUMNS = 5
"""Numbers of columns that a warning lists."""


def judge_first_version(
    table: Table, measures: Sequence[str] = (), doubtful: Sequence[str] = ()
) -> tuple[Table, list[dict[str, Any]]]:
    """The faults of the header and of the structure; the table with its warnings, and with what
    the contract expects if the version is accepted: a header below titles, names for columns
    without a label, decimals in the columns that `measures` names, and texts in those that
    `doubtful` names, though their cells may be numbers."""
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
    decimals = (describe_whole_measure(quoted(name)) for name in measures)
    texts = (describe_doubtful_points(quoted(name)) for name in doubtful)
    first = replace(first, accepted=(*first.accepted, *named, *decimals, *texts))
    warnings = (*table.warnings, *first.warnings)
    return replace(table, warnings=warnings, first_version=first), errors


def without_spare_columns(engine: duckdb.DuckDBPyConnection, table: Table) -> Table:
    """The table without its last columns that have neither a label nor a value, as delimiters at
    the ends of lines make them. Raises duckdb.Error where the scan fails."""
    width = len(table.columns)
    # A row that is wider than the header is a fault, whatever its last cells hold.
    narrow_header = any(each.code == "extra-cell" for each in table.first_version.findings)
    if not table.header or width < 2 or narrow_header:
        return table
    left = _without_values(engine, table)
    if left == width:
        return table
    numbers = [f"{number:,}" for number in range(left + 1, width + 1)]
    listed = ", ".join(numbers[:MAX_LISTED_COLUMNS]) + (", …" * (len(numbers) > MAX_LISTED_COLUMNS))
    warning = (
        f"Column {listed} has neither a label nor a value; it was left out."
        if len(numbers) == 1
        else f"Columns {listed} have neither a label nor a value; they were left out."
    )
    return replace(table.select(range(left)), warnings=(*table.warnings, warning))


def _without_values(engine: duckdb.DuckDBPyConnection, table: Table) -> int:
    """How many columns are left once the last ones without a label and a value are left out."""
    labelled = [n for n, label in enumerate(table.labels, start=1) if label.strip()]
    left, least = len(table.columns), max([1, *labelled])
    while left > least:
        part = table.columns[max(least, left - COLUMNS_PER_QUERY) : left]
        counts = ", ".join(f"count({column.text})" for column in part)
        row = engine.execute(f"SELECT {counts} FROM {table.relation}").fetchone() or ()
        filled = [n for n, count in enumerate(row, start=1) if count]
        if filled:
            return left - len(part) + filled[-1]
        left -= len(part)
    return left
