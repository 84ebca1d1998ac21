"""Judge a first version whose schema is to be inferred and frozen."""

from dataclasses import replace
from typing import Any

import duckdb

from entrepot.inspection.check.header_errors import check_labels
from entrepot.inspection.check.infer import unique_names
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem, problem_of_finding
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.table import Table


def judge_first_version(table: Table) -> tuple[Table, list[dict[str, Any]]]:
    """The faults of the header and of the structure; the table with warnings for what is accepted
    as the contract's: titles above the header, and names for columns without a label."""
    first = table.first_version
    labels = [] if first.header_stated_absent else check_labels(table)
    unnamed = [error["fieldNumber"] for error in labels if error["code"] == "blank-label"]
    errors = [error for error in labels if error["code"] != "blank-label"]
    if first.unsure:
        stated = Statement(first.unsure, advice=first.unsure_advice)
        errors.append(problem("unsure-reading", "", stated))
    errors += [problem_of_finding(finding) for finding in first.findings]
    names = unique_names(table.labels)
    warnings = [
        f"Column {number} has no label; the contract names it {quoted(names[number - 1])}."
        for number in unnamed
    ]
    return replace(table, warnings=(*table.warnings, *first.warnings, *warnings)), errors


def without_spare_column(engine: duckdb.DuckDBPyConnection, table: Table) -> Table:
    """The table without a last column that has neither a label nor a value, as delimiters at the
    ends of lines make one. Raises duckdb.Error where the scan fails."""
    if not table.header or len(table.columns) < 2 or table.columns[-1].label.strip():
        return table
    row = engine.execute(f"SELECT count({table.columns[-1].text}) FROM {table.relation}").fetchone()
    if row is None or row[0]:
        return table
    number = len(table.columns)
    warning = f"Column {number} has neither a label nor a value; it was left out."
    return replace(table, columns=table.columns[:-1], warnings=(*table.warnings, warning))
