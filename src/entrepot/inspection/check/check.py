"""Check a table against a schema: set-based, one pass to count, one more to list what broke.

A clean file costs the counting pass alone; Python sees at most the rows that are listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from entrepot.inspection.check.emptiness import check_emptiness
from entrepot.inspection.check.examples import add_examples
from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.check.first_texts import seen_texts
from entrepot.inspection.check.group_sizes import with_group_sizes
from entrepot.inspection.check.json_rules import check_json_rules
from entrepot.inspection.check.keys import check_keys
from entrepot.inspection.check.row_errors import RowErrors
from entrepot.inspection.check.rules import (
    NEVER_BLANK,
    BlankRows,
    FieldRule,
    RulePass,
    blank_row,
    checked_columns,
    find_blank_rows,
    listed_columns,
    plan_passes,
)
from entrepot.inspection.check.statements import ListedRow, errors_of_rule
from entrepot.inspection.line_prefilter import prefilter
from entrepot.inspection.line_regex import ANYTHING, CellRegex, cell_regex, is_usual
from entrepot.inspection.report.report import (
    MAX_SHOWN_CELLS,
    count_entry,
    problem_of_finding,
    report_cells,
)
from entrepot.inspection.report.row_looks import advice_on_row
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, Table, table_of_unmatched
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.schemas.model import Field, TableSchema

FEW_RULES = 50
"""Rules of one query that are planned faster than they are judged."""
ROWS_PER_QUERY = 50
"""Rows whose cells are looked up at a time for the report: a wide row has many."""


@dataclass(frozen=True)
class Checked:
    """Errors of rows and cells: those listed (by row, then field), all counted, and the count
    of rows that have any. `embedded` are the line ends inside cells, None where every line of the
    text is accounted for. `usual` are the columns (from 1) whose values are all known to be spelled
    as `line_regex.USUAL` has it for their type."""

    rows: int
    errors: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    rejected: int
    embedded: int | None = 0
    usual: frozenset[int] = frozenset()

    def with_table_errors(self, errors: list[dict[str, Any]], listed: int) -> "Checked":
        """This, with errors of the table as a whole before those of rows; of all errors `listed`
        at most."""
        counts = [
            count_entry(
                each["code"], each.get("fieldName"), each.get("fieldNumber"), 1, each["note"]
            )
            for each in errors
        ]
        return replace(
            self, errors=[*errors, *self.errors][:listed], counts=[*counts, *self.counts]
        )


def check_table(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    skipped: frozenset[int],
    listed: int,
    structure_only: bool = False,
) -> Checked:
    """Check every row of `table`; list at most `listed` errors.

    `skipped` columns are not checked. `structure_only` leaves types and constraints out. Raises
    duckdb.Error where the scan fails.
    """
    if structure_only:
        return _check_all(engine, table, schema, skipped, listed, structure_only)
    schema = with_group_sizes(engine, table, schema)
    checked = _check_prefiltered(engine, table, schema, skipped, listed)
    checked = checked or _check_all(engine, table, schema, skipped, listed)
    if table.misplaced_header:
        return checked
    # Whether a cell has a value, its control characters do not tell.
    table = table.known_to_have_controls(False)
    cells = [cell for cell in checked_columns(table, schema) if cell[0] not in skipped]
    return checked.with_table_errors(
        check_emptiness(engine, table, schema, cells, checked.rows), listed
    )


def _check_prefiltered(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    skipped: frozenset[int],
    listed: int,
) -> Checked | None:
    """Check only the rows that the prefilter of lines does not prove valid; None where it cannot
    be used."""
    if table.lines is None or table.by_name:
        return None
    patterns: list[CellRegex | None] = [ANYTHING] * len(table.columns)
    texts = seen_texts(engine, table)
    fields = align_columns(table, schema).fields
    for number, field in enumerate(fields, start=1):
        if number not in skipped:
            missing = schema.missing_values_of(field)
            # Every further mark costs time, and memory of the pattern; most never occur.
            seen = tuple(text for text in missing if not text or text in texts[number - 1])
            patterns[number - 1] = cell_regex(field, seen)
    prefiltered = prefilter(engine, table.lines, patterns)
    if prefiltered is None:
        return None
    table = table.known_to_have_controls(prefiltered.controls)
    cells = checked_columns(table, schema)
    row_errors = check_keys(engine, table, schema, cells, skipped, listed)
    if not prefiltered.unmatched:
        repeated = (
            _rejected(engine, table, prefiltered.rows, None, [], NEVER_BLANK, row_errors)
            if row_errors
            else 0
        )
        errors = [error for each in row_errors for error in each.errors]
        errors.sort(key=_row_and_field)
        usual = frozenset(
            number
            for number, (pattern, field) in enumerate(zip(patterns, fields, strict=True), start=1)
            if pattern is not None and is_usual(pattern, field)
        )
        counts = _counts([], table, row_errors)
        return Checked(prefiltered.rows, errors[:listed], counts, repeated, None, usual)
    if row_errors:
        return None
    alone = tuple(map(_not_unique, schema.fields))
    unmatched = replace(schema, primary_key=(), unique_keys=(), foreign_keys=(), fields=alone)
    checked = _check_all(engine, table_of_unmatched(table), unmatched, skipped, listed)
    return (
        replace(checked, rows=prefiltered.rows, embedded=None)
        if checked.rows == prefiltered.unmatched
        else None
    )


def _check_all(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    skipped: frozenset[int],
    listed: int,
    structure_only: bool = False,
) -> Checked:
    cells = checked_columns(table, schema)
    skipped_columns = frozenset(number for number, _ in cells) if structure_only else skipped
    passes = plan_passes(table, schema, cells, skipped_columns)
    blank = find_blank_rows(engine, table, cells, wide=len(passes) > 1)
    counts = _count_rows(engine, table, cells, passes, blank)
    totals = iter(counts.totals)
    violated = [(rule, total) for each in passes for rule in each.rules if (total := next(totals))]
    broken = {id(rule) for rule, _ in violated}
    passes = [RulePass(p.table, [rule for rule in p.rules if id(rule) in broken]) for p in passes]
    passes = [each for each in passes if each.rules]
    errors = _list_errors(engine, passes, blank, listed)
    errors += [problem_of_finding(finding) for finding in table.findings[:listed]]
    row_errors: list[RowErrors] = []
    if not structure_only:
        row_errors += check_json_rules(engine, table, cells, skipped, listed)
        row_errors += check_keys(engine, table, schema, cells, skipped, listed)
    for each in row_errors:
        errors += each.errors
    errors.sort(key=_row_and_field)
    del errors[listed:]
    add_examples(engine, errors, schema, cells)
    return Checked(
        rows=counts.rows,
        errors=errors,
        counts=_counts(violated, table, row_errors),
        rejected=_rejected(engine, table, counts.rows, counts.rejected, passes, blank, row_errors),
        embedded=counts.embedded,
    )


def _not_unique(field: Field) -> Field:
    return replace(field, constraints=replace(field.constraints, unique=False))


def _row_and_field(error: dict[str, Any]) -> tuple[int, int]:
    return error.get("rowNumber") or 0, error.get("fieldNumber") or 0


@dataclass(frozen=True)
class _RuleCounts:
    """The counting passes: errors per rule, and rows that break any; None if only their least
    number is known, since each of several passes has some of the rules."""

    rows: int
    totals: list[int]
    rejected: int | None
    embedded: int


def _count_rows(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    cells: Sequence[tuple[int, CellSql]],
    passes: Sequence[RulePass],
    blank: BlankRows,
) -> _RuleCounts:
    """Count, as if a row were blank when its cells of any type but text are missing: a scan of
    those columns alone costs a fifth less. Only if there are such rows, all columns are asked.
    """
    not_text = [cell for cell in cells if cell[1].field.type not in ("string", "any")]
    if not_text and len(not_text) < len(cells) and len(passes) == 1:
        counts = _count(engine, passes, BlankRows(blank_row(table, not_text)))
        if not counts.totals[0]:
            return counts
    return _count(engine, passes, blank)


def _count(
    engine: duckdb.DuckDBPyConnection, passes: Sequence[RulePass], blank: BlankRows
) -> _RuleCounts:
    totals: list[int] = []
    rows = rejected = 0
    embedded = passes[0].table.embedded()
    for each in passes:
        flags = [f"coalesce({rule.sql}, false) AS _v{n}" for n, rule in enumerate(each.rules)]
        aggregates = [
            f"sum(({rule.times}) * _v{n}::INTEGER)" if rule.times else f"count_if(_v{n})"
            for n, rule in enumerate(each.rules)
        ]
        either = " OR ".join(f"_v{n}" for n in range(len(flags))) or sql("false")
        counted = [sql("_cells"), *flags] if each.table.uneven else flags
        query = (
            f"SELECT {', '.join(['count(*)', f'count_if({either})', *aggregates])} FROM "
            f"(SELECT {', '.join(counted)} FROM {blank.relation(each.table)})"
        )
        row = engine.execute(query).fetchone() or (0, 0)
        rows, rejected = int(row[0]), max(rejected, int(row[1] or 0))
        totals += [int(total or 0) for total in row[2:]]
    is_known = len(passes) == 1 or rejected == rows
    return _RuleCounts(rows, totals, rejected if is_known else None, embedded)


def _list_errors(
    engine: duckdb.DuckDBPyConnection, passes: Sequence[RulePass], blank: BlankRows, listed: int
) -> list[dict[str, Any]]:
    """The first errors in the order of the file; each row listed has at least one."""
    errors: list[dict[str, Any]] = []
    for each in passes:
        # The first errors of all are among the first of each part.
        some = _list_some(engine, each.table, each.rules, blank, listed)
        errors = sorted([*errors, *some], key=_row_and_field)
        del errors[listed:]
    return errors


def _list_some(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rules: list[FieldRule],
    blank: BlankRows,
    listed: int,
) -> list[dict[str, Any]]:
    """As many errors as are listed, and the rest of their last row. The rows come in the
    file's order, so that the rest of them need not be read, and of their cells those that the
    report shows."""
    numbers = listed_columns(table, rules)
    columns = [table.columns[number - 1] for number in numbers]
    uneven = sql("_cells, _extra" if table.uneven else "NULL, NULL")
    texts = ", ".join(column.text for column in columns)
    flags = ", ".join(f"coalesce({rule.sql}, false)" for rule in rules)
    source = blank.relation(table, numbered=True)
    broken, where = f"[{flags}]", " OR ".join(rule.sql for rule in rules)
    if len(rules) > FEW_RULES:  # to plan them all twice would take longer than to list their flags
        source = f"(SELECT *, {broken} AS _broken FROM {source})"
        broken, where = sql("_broken"), sql("list_contains(_broken, true)")
    query = (
        f"SELECT _row, _line, {uneven}, {_kinds_sql(table, columns)}, [{texts}], {broken} "
        f"FROM {source} WHERE {where} LIMIT {listed}"
    )
    listed_rows: list[tuple[Any, ...]] = []
    engine.execute(query)
    flagged = 0
    while flagged < listed and (rows := engine.fetchmany(ROWS_PER_QUERY)):
        listed_rows += rows
        flagged += sum(sum(row[-1]) for row in rows)
    locations = table.places({row[0] for row in listed_rows}) if table.places else {}
    errors: list[dict[str, Any]] = []
    for number, line, count, extra, kinds, texts_of_row, flags_of_row in listed_rows:
        count_of_row = len(table.columns) if count is None else count
        first_cells = texts_of_row[: min(MAX_SHOWN_CELLS, count_of_row)]
        location = {"rowNumber": number, "lineNumber": line}
        if locations:
            line_number, offset = locations[number]
            location = {"rowNumber": line_number, "lineNumber": line_number, "byteOffset": offset}
        if len(errors) >= listed:
            break
        labels = table.labels[:MAX_SHOWN_CELLS]
        looks = ""
        if not table.stores_types:
            place = location["rowNumber"]
            looks = advice_on_row(first_cells, labels, place, table.delimiter)
        known = dict(zip(numbers, kinds, strict=True)) if kinds else {}
        row = ListedRow(count_of_row, known, looks, empty=not any(texts_of_row))
        common = {**location, "cells": report_cells(first_cells)}
        cells = dict(zip(numbers, texts_of_row, strict=True))
        for rule, flag in zip(rules, flags_of_row, strict=True):
            if flag:
                errors += errors_of_rule(rule, table, row, common, cells.get(rule.column), extra)
    return errors


def _kinds_sql(table: Table, columns: Sequence[Column]) -> Sql:
    """What the format says of the cells of a row, as a list; NULL where cells are texts."""
    if not table.stores_types:
        return sql("NULL")
    kinds = (column.kind_sql or literal(column.kind or "text") for column in columns)
    return f"[{', '.join(kinds)}]"


def _counts(
    violated: list[tuple[FieldRule, int]], table: Table, row_errors: list[RowErrors]
) -> list[dict[str, Any]]:
    counts = [
        count_entry(
            rule.type,
            rule.field.name if rule.field else None,
            rule.column if rule.field else None,
            total,
            rule.note,
        )
        for rule, total in violated
    ]
    if table.finding_counts:
        counts += [count_entry(kind, None, None, total) for kind, total in table.finding_counts]
    elif table.findings_total:
        counts.append(count_entry(table.findings[0].code, None, None, table.findings_total))
    counts += [
        count_entry(
            each.rule.code,
            each.rule.field_name,
            each.rule.field_number,
            each.total,
            each.rule.note,
        )
        for each in row_errors
    ]
    return counts


def _rejected(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rows: int,
    by_rules: int | None,
    passes: Sequence[RulePass],
    blank: BlankRows,
    row_errors: list[RowErrors],
) -> int:
    """How many of the rows have at least one error of any kind."""
    if by_rules is not None and (not row_errors or by_rules == rows):
        return max(by_rules, table.rejected_by_reader) + table.unread_records
    parts = [f"SELECT _row FROM {each.rows}" for each in row_errors]
    for each_pass in passes:
        broken = " OR ".join(rule.sql for rule in each_pass.rules)
        source = blank.relation(each_pass.table, numbered=True)
        parts.append(f"SELECT _row FROM {source} WHERE {broken}")
    if not parts:
        return table.rejected_by_reader + table.unread_records
    row = engine.execute(f"SELECT count(*) FROM ({' UNION '.join(parts)})").fetchone()
    return max(int(row[0]) if row else 0, table.rejected_by_reader) + table.unread_records
