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
from entrepot.inspection.check.keys import check_keys, check_references, keys_of, references_of
from entrepot.inspection.check.row_errors import RowErrors, surplus_cells
from entrepot.inspection.check.rules import FieldRule, blank_row, checked_columns, field_rules
from entrepot.inspection.check.statements import ListedRow, state_rule
from entrepot.inspection.line_prefilter import prefilter
from entrepot.inspection.line_regex import ANYTHING, CellRegex, cell_regex
from entrepot.inspection.report.report import (
    count_entry,
    problem,
    problem_of_finding,
    shortened,
    shown_cells,
)
from entrepot.inspection.report.row_looks import advice_on_row
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table, table_of_unmatched
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.schemas.model import Field, TableSchema

MAX_RULES_PER_QUERY = 400
"""Rules of a wide table are asked in several passes, so that their expressions fit into memory."""
ROWS_PER_QUERY = 50
"""Rows whose cells are looked up at a time for the report: a wide row has many."""


@dataclass(frozen=True)
class Checked:
    """Errors of rows and cells: those listed (by row, then field), all counted, and the count
    of rows that have any. `embedded` are the line ends inside cells, None where every line of the
    text is accounted for."""

    rows: int
    errors: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    rejected: int
    embedded: int | None = 0

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
    for number, field in enumerate(align_columns(table, schema).fields, start=1):
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
    faults = check_keys(engine, table, keys_of(schema, cells, skipped), listed)
    faults += check_references(engine, table, references_of(schema, cells, skipped), listed)
    if not prefiltered.unmatched:
        repeated = _rejected(engine, table, None, [], "false", faults) if faults else 0
        errors = [error for fault in faults for error in fault.errors]
        errors.sort(key=_row_and_field)
        return Checked(
            prefiltered.rows, errors[:listed], _counts([], table, faults), repeated, None
        )
    if faults:
        return None
    fields = tuple(map(_not_unique, schema.fields))
    unmatched = replace(schema, primary_key=(), unique_keys=(), foreign_keys=(), fields=fields)
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
    rules = field_rules(table, cells, skipped_columns)
    blank = f"({blank_row(table, cells)}) AS _blank"
    counts = _count_rows(engine, table, cells, rules)
    violated = [(rule, total) for rule, total in zip(rules, counts.totals, strict=True) if total]
    errors = _list_errors(engine, table, [rule for rule, _ in violated], blank, listed)
    errors += [problem_of_finding(finding) for finding in table.findings[:listed]]
    faults: list[RowErrors] = []
    if not structure_only:
        faults += check_json_rules(engine, table, cells, skipped, listed)
        faults += check_keys(engine, table, keys_of(schema, cells, skipped), listed)
        faults += check_references(engine, table, references_of(schema, cells, skipped), listed)
    for fault in faults:
        errors += fault.errors
    errors.sort(key=_row_and_field)
    del errors[listed:]
    add_examples(engine, errors, schema, cells)
    return Checked(
        rows=counts.rows,
        errors=errors,
        counts=_counts(violated, table, faults),
        rejected=_rejected(engine, table, counts.rejected, violated, blank, faults),
        embedded=counts.embedded,
    )


def _not_unique(field: Field) -> Field:
    return replace(field, constraints=replace(field.constraints, unique=False))


def _row_and_field(error: dict[str, Any]) -> tuple[int, int]:
    return error.get("rowNumber") or 0, error.get("fieldNumber") or 0


@dataclass(frozen=True)
class _RuleCounts:
    """The counting pass: errors per rule, and rows that break any (None: not known yet)."""

    rows: int
    totals: list[int]
    rejected: int | None
    embedded: int


def _count_rows(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    cells: Sequence[tuple[int, CellSql]],
    rules: Sequence[FieldRule],
) -> _RuleCounts:
    """Count, as if a row were blank when its cells of any type but text are missing: a scan of
    those columns alone costs a fifth less. Only if there are such rows, all columns are asked.
    """
    not_text = [cell for cell in cells if cell[1].field.type not in ("string", "any")]
    if not_text and len(not_text) < len(cells):
        counts = _count(engine, table, rules, blank_row(table, not_text))
        if not counts.totals[0]:
            return counts
    return _count(engine, table, rules, blank_row(table, cells))


def _count(
    engine: duckdb.DuckDBPyConnection, table: Table, rules: Sequence[FieldRule], blank: Sql
) -> _RuleCounts:
    """Count in one pass, or in several over a wide table, whose expressions at once would
    take the engine's memory (a vector of 32 KiB each)."""
    totals: list[int] = []
    rows = rejected = 0
    embedded = table.embedded()
    passes = max(1, -(-len(rules) // MAX_RULES_PER_QUERY))
    for n in range(passes):
        some = rules[n * MAX_RULES_PER_QUERY : (n + 1) * MAX_RULES_PER_QUERY]
        flags = [f"coalesce({rule.sql}, false) AS _v{n}" for n, rule in enumerate(some)]
        aggregates = [
            f"sum(({rule.times}) * _v{n}::INTEGER)" if rule.times else f"count_if(_v{n})"
            for n, rule in enumerate(some)
        ]
        either = " OR ".join(f"_v{n}" for n in range(len(some))) or sql("false")
        query = (
            f"SELECT {', '.join(['count(*)', f'count_if({either})', *aggregates])} FROM "
            f"(SELECT {', '.join(['*', *flags])} FROM "
            f"(SELECT *, ({blank}) AS _blank FROM {table.relation}))"
        )
        row = engine.execute(query).fetchone() or (0, 0)
        rows, rejected = int(row[0]), int(row[1] or 0)
        totals += [int(total or 0) for total in row[2:]]
    return _RuleCounts(rows, totals, rejected if passes == 1 else None, embedded)


def _list_errors(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rules: list[FieldRule],
    blank: Sql,
    listed: int,
) -> list[dict[str, Any]]:
    """The first errors in the order of the file; each row listed has at least one."""
    errors: list[dict[str, Any]] = []
    for start in range(0, len(rules), MAX_RULES_PER_QUERY):
        some = rules[start : start + MAX_RULES_PER_QUERY]
        # The first errors of all are among the first of each part.
        errors = sorted(
            [*errors, *_list_some(engine, table, some, blank, listed)], key=_row_and_field
        )
        del errors[listed:]
    return errors


def _list_some(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rules: list[FieldRule],
    blank: Sql,
    listed: int,
) -> list[dict[str, Any]]:
    """As many errors as are listed, and the rest of their last row. The rows come in the
    file's order, so that the rest of them need not be read."""
    uneven = sql("_cells, _extra" if table.uneven else "NULL, NULL")
    texts = ", ".join(column.text for column in table.columns)
    kinds = _kinds_sql(table)
    flags = ", ".join(f"coalesce({rule.sql}, false)" for rule in rules)
    query = (
        f"SELECT _row, _line, {uneven}, {kinds}, [{texts}], [{flags}] FROM (SELECT *, {blank} "
        f"FROM {table.numbered}) WHERE {' OR '.join(rule.sql for rule in rules)} LIMIT {listed}"
    )
    listed_rows: list[tuple[Any, ...]] = []
    engine.execute(query)
    flagged = 0
    while flagged < listed and (rows := engine.fetchmany(ROWS_PER_QUERY)):
        listed_rows += rows
        flagged += sum(sum(row[-1]) for row in rows)
    locations = table.places({row[0] for row in listed_rows}) if table.places else {}
    errors: list[dict[str, Any]] = []
    for number, line, count, extra, kinds_of_row, cells, flags_of_row in listed_rows:
        present = cells if count is None else cells[:count]
        location = (
            _location(locations[number]) if locations else {"rowNumber": number, "lineNumber": line}
        )
        if len(errors) >= listed:
            break
        looks = (
            ""
            if table.stores_types
            else advice_on_row(present, table.labels, location["rowNumber"])
        )
        row = ListedRow(len(cells) if count is None else count, kinds_of_row, looks)
        common = {**location, "cells": shown_cells(present)}
        for rule, flag in zip(rules, flags_of_row, strict=True):
            if flag:
                errors += _of_rule(rule, table, row, common, cells, extra)
    return errors


def _kinds_sql(table: Table) -> Sql:
    """What the format says of each cell of a row, as a list; NULL where cells are texts."""
    if not table.stores_types:
        return sql("NULL")
    kinds = (column.kind_sql or literal(column.kind or "text") for column in table.columns)
    return f"[{', '.join(kinds)}]"


def _location(line: tuple[int, int]) -> dict[str, Any]:
    return {"rowNumber": line[0], "lineNumber": line[0], "byteOffset": line[1]}


def _of_rule(
    rule: FieldRule,
    table: Table,
    row: ListedRow,
    common: dict[str, Any],
    cells: list[str | None],
    extra: str | None,
) -> list[dict[str, Any]]:
    if rule.type == "blank-row":
        return [problem("blank-row", "", state_rule(rule, table, row, ""), **common)]
    if rule.type == "extra-cell":
        surplus = surplus_cells(extra, rule.column)
        return [
            problem(
                "extra-cell",
                "",
                state_rule(rule, table, row, cell),
                **common,
                cell=shortened(cell),
                fieldName="",
                fieldNumber=n,
            )
            for n, cell in surplus
        ]
    cell = (cells[rule.column - 1] if rule.column <= len(cells) else None) or ""
    name = rule.field.name if rule.field else ""
    stated = state_rule(rule, table, row, cell)
    places = {**common, "cell": shortened(cell), "fieldName": name, "fieldNumber": rule.column}
    return [problem(rule.type, rule.note, stated, **places)]


def _counts(
    violated: list[tuple[FieldRule, int]], table: Table, faults: list[RowErrors]
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
            fault.rule.code,
            fault.rule.field_name,
            fault.rule.field_number,
            fault.total,
            fault.rule.note,
        )
        for fault in faults
    ]
    return counts


def _rejected(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    by_rules: int | None,
    violated: Sequence[tuple[FieldRule, int]],
    blank: Sql,
    faults: list[RowErrors],
) -> int:
    """How many rows have at least one error of any kind."""
    if by_rules is not None and not faults:
        return max(by_rules, table.rejected_by_reader) + table.unread_records
    parts = [f"SELECT _row FROM {fault.rows}" for fault in faults]
    for start in range(0, len(violated), MAX_RULES_PER_QUERY):
        some = [rule.sql for rule, _ in violated[start : start + MAX_RULES_PER_QUERY]]
        rows = f"(SELECT *, {blank} FROM {table.numbered})"
        parts.append(f"SELECT _row FROM {rows} WHERE {' OR '.join(some)}")
    if not parts:
        return table.rejected_by_reader + table.unread_records
    row = engine.execute(f"SELECT count(*) FROM ({' UNION '.join(parts)})").fetchone()
    return max(int(row[0]) if row else 0, table.rejected_by_reader) + table.unread_records
