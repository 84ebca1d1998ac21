"""Unique fields, unique keys, the primary key, foreign keys: which rows break them.

A key that holds costs one pass that groups its hashes, eight bytes each, and spills to scratch
(6.5 million texts: 1.4 s of CPU, within 200 MiB). Only rows whose hash stands twice are compared
in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.check.key_statements import (
    KeyColumns,
    reference_keys,
    state_key,
    state_reference,
    state_unique,
)
from entrepot.inspection.check.row_errors import (
    WIDE_COLUMNS,
    RowErrors,
    TableRule,
    find_row_errors,
    narrow_if_wide,
    report_columns,
)
from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.report.report import shortened
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.inspection.values.ordering import key
from entrepot.schemas.model import ForeignKey, TableSchema

ALL_MISSING = 'cells composing the primary keys are all "None"'
SOME_MISSING = 'cells composing the primary keys are partly "None"'
KEYS_AT_ONCE = 50
"""Keys of a wide table whose columns are copied together."""
KEY_COLUMNS = sql("_key_columns")
INTEGER_TYPES = frozenset({"integer", "year"})


@dataclass(frozen=True)
class TableKey:
    """What must differ from row to row: a unique field, a unique key, or the primary key, which
    must also be there. `parts` are SQL, NULL where a cell has no value of its type."""

    rule: TableRule
    parts: tuple[Sql, ...]

    @property
    def requires_value(self) -> bool:
        """Whether each row must have it."""
        return self.rule.code == "primary-key"


@dataclass(frozen=True)
class Reference:
    """A foreign key within the table: `parts` of each row must be `referenced` of some row.
    `columns` (from 1) are those of both sides."""

    rule: TableRule
    parts: tuple[Sql, ...]
    referenced: tuple[Sql, ...]
    columns: tuple[int, ...]


CheckedCells = dict[str, tuple[int, CellSql]]


def _checked_cells(cells: list[tuple[int, CellSql]], skipped: frozenset[int]) -> CheckedCells:
    checked: CheckedCells = {}
    for number, cell in cells:
        if number not in skipped:
            checked.setdefault(cell.field.name, (number, cell))
    return checked


def keys_of(
    schema: TableSchema, cells: list[tuple[int, CellSql]], skipped: frozenset[int]
) -> list[TableKey]:
    """The keys whose columns are all there."""
    checked = _checked_cells(cells, skipped)
    keys = [
        TableKey(
            TableRule("unique-error", state_unique(number), (number,), number, name),
            (comparable(cell),),
        )
        for name, (number, cell) in checked.items()
        if cell.field.constraints.unique
    ]
    for names in schema.unique_keys:
        if all(name in checked for name in names):
            note = shortened(f'the unique key "{", ".join(names)}"')
            rule = _rule_of_key("unique-key", "the unique key", _columns(names, checked))
            keys.append(_table_key(replace(rule, note=note), names, checked))
    if schema.primary_key and all(name in checked for name in schema.primary_key):
        columns = _columns(schema.primary_key, checked)
        rule = _rule_of_key("primary-key", "the primary key", columns)
        keys.append(_table_key(rule, schema.primary_key, checked))
    return keys


def _rule_of_key(code: str, name: str, columns: KeyColumns) -> TableRule:
    return TableRule(code, state_key(name, columns), tuple(number for number, _ in columns))


def _table_key(rule: TableRule, names: Sequence[str], checked: CheckedCells) -> TableKey:
    return TableKey(rule, tuple(comparable(checked[name][1]) for name in names))


def _columns(names: Sequence[str], checked: CheckedCells) -> list[tuple[int, str]]:
    """The columns of a key: number (from 1) and name."""
    return [(checked[name][0], name) for name in names]


def references_of(
    schema: TableSchema, cells: list[tuple[int, CellSql]], skipped: frozenset[int]
) -> list[Reference]:
    """The foreign keys whose columns, on both sides, are all there."""
    checked = _checked_cells(cells, skipped)
    return [
        _reference(foreign_key, checked)
        for foreign_key in schema.foreign_keys
        if all(name in checked for name in foreign_key.fields + foreign_key.referenced)
    ]


def _reference(foreign_key: ForeignKey, checked: CheckedCells) -> Reference:
    """Both sides as texts; a whole number meets a decimal one as a number."""
    sides: tuple[list[Sql], list[Sql]] = ([], [])
    for name, other in zip(foreign_key.fields, foreign_key.referenced, strict=True):
        pair = (checked[name][1], checked[other][1])
        kinds = {cell.field.type for cell in pair}
        as_number = "number" in kinds and not INTEGER_TYPES.isdisjoint(kinds)
        for side, cell in zip(sides, pair, strict=True):
            side.append(f"({comparable(cell, as_number)})::VARCHAR")
    note = (
        f'for "{", ".join(foreign_key.fields)}": not found as "{", ".join(foreign_key.referenced)}"'
    )
    columns = _columns(foreign_key.fields, checked)
    rule = TableRule(
        "foreign-key",
        state_reference(columns, foreign_key.referenced),
        tuple(number for number, _ in columns),
        note=shortened(note),
        further=reference_keys(columns, foreign_key.referenced),
    )
    referenced = [checked[name][0] for name in foreign_key.referenced]
    numbers = tuple(sorted({*rule.columns, *referenced}))
    return Reference(rule, tuple(sides[0]), tuple(sides[1]), numbers)


def comparable(cell: CellSql, as_number: bool = False) -> Sql:
    """A value that is equal for equal values of the type, NULL where there is none."""
    value = cell.for_field(lambda form: key(cell.text, form, as_number))
    return f"CASE WHEN {cell.checked} THEN {value} END"


def check_keys(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    cells: list[tuple[int, CellSql]],
    skipped: frozenset[int],
    listed: int,
) -> list[RowErrors]:
    """The unique fields, the keys and the references of `schema` that do not hold. `cells` are the
    columns of the table, those in `skipped` left out. Raises duckdb.Error."""
    if len(table.columns) >= WIDE_COLUMNS:
        cells = checked_columns(table.with_short_names(), schema)
    keys, references = keys_of(schema, cells, skipped), references_of(schema, cells, skipped)
    copies = len(table.columns) >= WIDE_COLUMNS and len(keys) >= KEYS_AT_ONCE
    errors: list[RowErrors] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        part = keys[start : start + KEYS_AT_ONCE]
        source = _copy_of_keys(engine, table, part) if copies else table
        errors += _broken_keys(engine, source, part, listed, start)
    return [*errors, *_broken_references(engine, table, references, listed)]


def _copy_of_keys(
    engine: duckdb.DuckDBPyConnection, table: Table, keys: Sequence[TableKey]
) -> Table:
    """The table, with what these keys and their errors need copied once: a query of the whole costs
    by its width, and each key takes several."""
    numbers = {number for table_key in keys for number in table_key.rule.columns}
    copied = table.narrow(number - 1 for number in sorted(numbers.union(report_columns(table))))
    query = f"SELECT * FROM {copied.numbered}"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {KEY_COLUMNS} AS {query}")
    return replace(copied, relation=KEY_COLUMNS, numbered=KEY_COLUMNS)


def _broken_keys(
    engine: duckdb.DuckDBPyConnection,
    whole: Table,
    keys: Sequence[TableKey],
    listed: int,
    first: int,
) -> list[RowErrors]:
    """The keys that do not hold, numbered from `first` on."""
    errors = []
    for number, table_key in enumerate(keys, start=first):
        table = narrow_if_wide(whole, table_key.rule.columns)
        value = (
            table_key.parts[0]
            if len(table_key.parts) == 1
            else f"row({', '.join(table_key.parts)})"
        )
        absent = " OR ".join(f"({part}) IS NULL" for part in table_key.parts)
        hashes = (
            f"SELECT CASE WHEN NOT ({absent}) THEN hash({value}) END AS h FROM {table.relation}"
        )
        # Grouped, since a count of distinct values without groups does not spill to the end.
        row = engine.execute(
            "SELECT coalesce(sum(n) FILTER (WHERE h IS NULL), 0), count(h) FROM (SELECT h, "
            f"count(*) AS n FROM ({hashes}) GROUP BY h HAVING count(*) > 1 OR h IS NULL)"
        ).fetchone() or (0, 0)
        missing, doubled = map(int, row)
        if doubled or (missing and table_key.requires_value):
            name = f"_faults_of_key_{number}"
            _collect(engine, table, table_key, value, absent, hashes, name)
            row_errors = find_row_errors(engine, whole, table_key.rule, name, listed, repeats=True)
            errors += [row_errors] if row_errors else []
    return errors


def _collect(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    table_key: TableKey,
    value: Sql,
    absent: Sql,
    hashes: Sql,
    name: Sql,
) -> None:
    """Make a table `name` of the rows that repeat an earlier one (`earlier`), and of those
    without a key that must have one, with a `note` that says which."""
    start = f"{table_key.rule.note}: " if table_key.rule.note else ""
    repeated = literal(f"{start}the same as in the row at position ")
    none_at_all = " AND ".join(f"({part}) IS NULL" for part in table_key.parts)
    reason = f"CASE WHEN {none_at_all} THEN {literal(ALL_MISSING)} ELSE {literal(SOME_MISSING)} END"
    doubled = f"SELECT h FROM ({hashes}) WHERE h IS NOT NULL GROUP BY h HAVING count(*) > 1"
    keyed = f"SELECT _row, {value} AS k, ({absent}) AS gone, {reason} AS note FROM {table.numbered}"
    earlier = (
        f"SELECT _row, lag(_row) OVER (PARTITION BY k ORDER BY _row) AS earlier, "
        f"{repeated} || earlier AS note "
        f"FROM (SELECT _row, k FROM ({keyed}) WHERE NOT gone AND hash(k) IN ({doubled})) "
        f"QUALIFY earlier IS NOT NULL"
    )
    without = (
        f"SELECT _row, NULL, note FROM ({keyed}) WHERE gone"
        if table_key.requires_value
        else sql("")
    )
    rows = f"{earlier} UNION ALL {without}" if without else earlier
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")


def _broken_references(
    engine: duckdb.DuckDBPyConnection, whole: Table, references: list[Reference], listed: int
) -> list[RowErrors]:
    """The foreign keys that do not hold. A row without any value refers to nothing."""
    errors = []
    for number, reference in enumerate(references):
        table = narrow_if_wide(whole, reference.columns)
        name = f"_faults_of_reference_{number}"
        value, target = (
            f"row({', '.join(reference.parts)})",
            f"row({', '.join(reference.referenced)})",
        )
        some = " OR ".join(f"({part}) IS NOT NULL" for part in reference.parts)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT _row FROM "
            f"(SELECT _row, {value} AS k FROM {table.numbered} WHERE {some}) AS a "
            f"ANTI JOIN (SELECT DISTINCT {target} AS k FROM {table.relation}) AS b ON a.k = b.k"
        )
        row_errors = find_row_errors(engine, whole, reference.rule, name, listed)
        errors += [row_errors] if row_errors else []
    return errors
