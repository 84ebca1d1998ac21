"""Make another form of a version: checked Parquet, canonical CSV, JSON Lines, Arrow.

Runs in the sandbox process. Parquet and the canonical CSV are made from the bytes as delivered, the
others from the Parquet; the column profile comes with the Parquet. The Parquet and the rejected
rows are also made of a file that was just judged, without reading it again.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.check.first_version import only_fields
from entrepot.inspection.check.group_sizes import with_group_sizes
from entrepot.inspection.check.infer import unique_names
from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.context import InspectionContext, OpenedTable
from entrepot.inspection.convert.column_profile import ProfiledColumn, profile_columns
from entrepot.inspection.convert.contract_text import contract_texts, require_texts
from entrepot.inspection.convert.judged_cells import VALID_CELLS, JudgedCells
from entrepot.inspection.convert.parquet_names import rename_columns
from entrepot.inspection.convert.rejected_rows import (
    FoundErrors,
    find_errors,
    write_errors_alone,
    write_rejected,
)
from entrepot.inspection.convert.unused_parts import with_unused
from entrepot.inspection.convert.write_arrow import write_arrow
from entrepot.inspection.convert.write_json_lines import write_json_lines
from entrepot.inspection.engine_errors import (
    CANNOT_SCAN,
    MAX_ERROR_CHARS,
    engine_error_text,
    first_line,
    is_of_file,
    out_of_resources,
)
from entrepot.inspection.inspect import JudgedFile
from entrepot.inspection.limits import COLUMNS_PER_QUERY, rows_per_group
from entrepot.inspection.line_prefilter import IrregularText
from entrepot.inspection.open_table import open_content
from entrepot.inspection.results import (
    ConversionRequest,
    Converted,
    InspectionRequest,
    JudgedForm,
)
from entrepot.inspection.sql import Sql, identifier, literal, sql
from entrepot.inspection.stored_parquet import names_option
from entrepot.inspection.table import (
    Column,
    DialectUnsupported,
    NotTabular,
    SourceBroken,
    Table,
    TooLarge,
)
from entrepot.inspection.values.native_text import delivered_text
from entrepot.schemas.model import TableSchema
from entrepot.schemas.table_schema import parse_schema
from entrepot_client.counts import counted

Contract = tuple[Table, TableSchema, bool]
"""A table, the contract that it keeps, and whether that was inferred."""


class OtherRows(SourceBroken):
    """The table was read with other rows than its inspection counted."""

    def __init__(self, rows: int, expected: int) -> None:
        super().__init__(f"it has {counted(rows, 'row')}, and its inspection counted {expected:,}")


def convert_file(request: ConversionRequest, target: Path, context: InspectionContext) -> Converted:
    """Write the form to `target`. Raises what `out_of_resources` knows, OSError, and duckdb.Error
    for a query that is wrong."""
    return converted(lambda: _derive(request, target, context))


def convert_judged(
    form: JudgedForm, judged: JudgedFile, target: Path, context: InspectionContext
) -> Converted:
    """Write a form of a file that was just judged to `target`, by the reading that its verdict is
    about. Raises as `convert_file` does."""
    if form == "rejected":
        return converted(lambda: _rejected_of(judged, target, context))
    return converted(lambda: _parquet_of(judged, target, context.engine))


def converted(make: Callable[[], Converted]) -> Converted:
    """What `make` returns, or what its error says of the file. Raises as `convert_file` does."""
    try:
        return make()
    except TooLarge as reason:
        return Converted("resource-limit", None, f"It passes a limit: {reason}.")
    except (NotTabular, SourceBroken, DialectUnsupported) as reason:
        return Converted("source-error", None, f"{reason}.")
    except (UnicodeError, RecursionError, csv.Error) as reason:
        return Converted(
            "source-error", None, f"It cannot be read: {str(reason)[:MAX_ERROR_CHARS]}."
        )
    except duckdb.Error as error:
        if not is_of_file(error):
            raise
        return Converted("source-error", None, f"It cannot be read: {engine_error_text(error)}.")


def _parquet_of(judged: JudgedFile, target: Path, engine: duckdb.DuckDBPyConnection) -> Converted:
    outcome, schema = judged.outcome, judged.inspection.schema
    assert outcome is not None
    assert schema is not None
    parsed, table = parse_schema(schema), outcome.table
    judged_cells = JudgedCells(outcome.checked.usual, bool(outcome.checked.counts))
    rows, columns = write_parquet(engine, table, parsed, target, judged_cells)
    if rows != outcome.checked.rows:
        raise OtherRows(rows, outcome.checked.rows)
    frozen = judged.source.frozen
    contract = None if judged.source.mode == "none" else (table, parsed, frozen)
    return _add_profile(engine, target, columns, rows, contract)


def _rejected_of(judged: JudgedFile, target: Path, context: InspectionContext) -> Converted:
    outcome = judged.outcome
    assert outcome is not None
    assert outcome.opened is not None
    # The header's are all known, however few of them the report lists.
    errors = FoundErrors(outcome.errors, truncated=False, tabular=True)
    if sum(entry["count"] for entry in outcome.checked.counts) > len(outcome.checked.errors):
        errors = find_errors(judged.source, context)
    table = outcome.opened.read()
    write_rejected(context.engine, table, errors.errors, errors.truncated, target)
    return Converted("made", None, "")


def _derive(request: ConversionRequest, target: Path, context: InspectionContext) -> Converted:
    engine = context.engine
    match request.form:
        case "rejected":
            _write_rejected(request, target, context)
        case "jsonl":
            write_json_lines(engine, request.path, target, request.schema)
        case "arrow":
            write_arrow(request.path, target)
        case "csv":
            _write_csv(request, target, context)
        case "parquet":
            schema = parse_schema(request.schema)
            columns: list[ProfiledColumn] = []
            contract: Contract | None = None

            def write(table: Table) -> int:
                nonlocal contract
                if request.mode == "infer":
                    table = only_fields(table, schema)
                contract = None if request.mode == "none" else (table, schema, request.frozen)
                judged_cells = JudgedCells(may_be_wrong=request.is_exception)
                rows, columns[:] = write_parquet(engine, table, schema, target, judged_cells)
                return rows

            _write_checked(_open(request, context), write, request.rows)
            return _add_profile(engine, target, columns, request.rows, contract)
    return Converted("made", None, "")


def _write_csv(request: ConversionRequest, target: Path, context: InspectionContext) -> None:
    opened, schema = _open(request, context), parse_schema(request.schema)
    if opened.write_canonical is not None:
        opened.write_canonical(target, len(schema.fields) if request.mode == "infer" else None)
        return
    contract = schema if request.mode == "given" else None

    def write(table: Table) -> int:
        if request.mode == "infer":
            table = only_fields(table, schema)
        if contract is not None:
            require_texts(context.engine, table, contract)
        return write_csv(context.engine, table, target, contract)

    _write_checked(opened, write, request.rows)


def _write_rejected(request: ConversionRequest, target: Path, context: InspectionContext) -> None:
    inspection = InspectionRequest(
        path=request.path,
        file_name=request.file_name,
        size=request.size,
        mode=request.mode,
        schema=request.schema if request.mode == "given" else None,
        dialect=request.dialect,
        encoding=request.encoding,
    )
    errors = find_errors(inspection, context)
    if not errors.tabular:
        write_errors_alone(errors.errors, target)
        return
    table = _open(request, context).read()
    write_rejected(context.engine, table, errors.errors, errors.truncated, target)


def _add_profile(
    engine: duckdb.DuckDBPyConnection,
    parquet: Path,
    columns: list[ProfiledColumn],
    rows: int,
    contract: Contract | None,
) -> Converted:
    """The Parquet is made; a profile that cannot be had does not unmake it."""
    try:
        if contract is not None:
            columns = with_unused(engine, *contract, columns)
        return Converted("made", profile_columns(engine, parquet, columns, rows), "")
    except duckdb.Error as error:
        return Converted("made", None, f"The columns could not be measured: {first_line(error)}")


def _open(request: ConversionRequest, context: InspectionContext) -> OpenedTable:
    fields = request.schema.get("fields", [])
    names = [str(field["name"]) for field in fields] if request.mode == "given" else None
    path, name, encoding = request.path, request.file_name, request.encoding
    freeze = request.mode == "infer"
    return open_content(path, name, context, request.dialect, encoding, names, freeze)


def _write_checked(opened: OpenedTable, write: Callable[[Table], int], rows: int) -> None:
    """Write with the fast scan, or the careful one where the fast one fails or gives other rows
    than the inspection counted. Raises OtherRows where both do."""
    in_place = opened.scan_in_place()
    if in_place is not None:
        try:
            in_place.embedded()
            if write(in_place) == rows:
                return
        except IrregularText:
            pass
        except CANNOT_SCAN as error:
            if out_of_resources(error):
                raise
    written = write(opened.read())
    if written != rows:
        raise OtherRows(written, rows)


def write_parquet(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    target: Path,
    judged_cells: JudgedCells = VALID_CELLS,
) -> tuple[int, list[ProfiledColumn]]:
    """Write `table` typed by `schema`, rows in their order, zstd; how many rows there were, and
    the columns.

    The columns are the schema's fields in the table's order, with the field's names; a column
    without a field is a text under its label, and a field without a column is left out.
    """
    columns = typed_columns(engine, table, schema, judged_cells)
    selected = ", ".join(f"{sql} AS {identifier(each.name)}" for each, sql in columns)
    option = names_option(names := [each.name for each, _ in columns])
    group = rows_per_group(len(columns))
    relation = _relation_of(table, 0, len(table.columns))
    rows = _copy(
        engine,
        f"SELECT {selected} FROM {relation}",
        target,
        f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}{option}",
    )
    if option:
        rename_columns(target, names)
    return rows, [each for each, _ in columns]


def typed_columns(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    judged_cells: JudgedCells = VALID_CELLS,
) -> list[tuple[ProfiledColumn, Sql]]:
    """Each column and its typed expression, by one pass over its values. The expressions are of the
    columns of `_relation_of`."""
    schema = with_group_sizes(engine, table, schema)
    whole = table
    table = table.with_short_names() if _is_wide(table) else table
    cells = {id(column): cell for column, cell in _paired(table, schema)}
    labels, names = unique_names(table.labels), {field.name for field in schema.fields}
    typings = []
    for number, column in enumerate(table.columns, start=1):
        cell = cells.get(id(column))
        typings.append(
            None if cell is None else (cell, judged_cells.type_of(cell, column.kind, number))
        )
    columns: list[tuple[ProfiledColumn, Sql]] = []
    for start in range(0, len(typings), COLUMNS_PER_QUERY):
        part = typings[start : start + COLUMNS_PER_QUERY]
        relation = _relation_of(whole, start, start + len(part))
        probes = [typing[1].probes if typing else () for typing in part]
        figures = _measure(engine, relation, probes)
        more = [
            typing[1].more if typing and typing[1].leaves_open(first) else ()
            for typing, first in zip(part, figures, strict=True)
        ]
        further = _measure(engine, relation, more)
        for number, typing in enumerate(part, start=start):
            if typing is None:
                text = delivered_text(table.columns[number])
                columns.append((ProfiledColumn(labels[number], "string"), text))
                continue
            measured = figures[number - start] + further[number - start]
            cell, exact = typing
            typed = exact.decide(measured)
            kept = exact.reason(measured) if typed == cell.delivered else ""
            missing = schema.missing_values_of(cell.field)
            # A column that the contract does not know has a field of its label, which may be blank.
            name = cell.field.name if cell.field.name in names else labels[number]
            profiled = ProfiledColumn(name, cell.field.type, missing, kept)
            columns.append((profiled, typed))
    return columns


def _is_wide(table: Table) -> bool:
    return len(table.columns) > COLUMNS_PER_QUERY


def _relation_of(table: Table, start: int, stop: int) -> Sql:
    """The table's relation, or that of its columns from `start` to `stop` (from 0) with short names
    if it is wide: the expressions name a cell many times, and each time the engine would take it
    out of its list again (`wide_copy`)."""
    return table.narrowed(range(start + 1, stop + 1))[0] if _is_wide(table) else table.relation


def _measure(
    engine: duckdb.DuckDBPyConnection, relation: Sql, probes: Sequence[Sequence[Sql]]
) -> list[list[Any]]:
    """The figures of the probes of each column, by one pass over the table if there are any."""
    all_probes = [probe for of_column in probes for probe in of_column]
    row: tuple[Any, ...] = ()
    if all_probes:
        query = f"SELECT {', '.join(all_probes)} FROM {relation}"
        row = engine.execute(query).fetchone() or ()
    figures = iter(row)
    return [[next(figures) for _ in of_column] for of_column in probes]


def _paired(table: Table, schema: TableSchema) -> Iterator[tuple[Column, Any]]:
    """The columns that a field stands for, with their expressions."""
    for number, cell in checked_columns(table, schema):
        yield table.columns[number - 1], cell


def write_csv(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    target: Path,
    contract: TableSchema | None = None,
) -> int:
    """Write the canonical CSV: what was read, in UTF-8, with commas, CRLF and no more quotes
    than it takes; values that the format stores in the form of the `contract`. How many rows there
    were."""
    if contract is None:
        cells = [delivered_text(column) for column in table.columns]
    else:
        cells = contract_texts(table, contract)
    if len(cells) == 1:  # many readers skip an empty line
        cells = [f"coalesce({cells[0]}, '')"]
    selected = ", ".join(f"{cell} AS c{n}" for n, cell in enumerate(cells))
    header = ", ".join(map(literal, table.labels)) if table.header else sql("")
    rows = f"SELECT {selected} FROM {table.relation}"
    if header:
        rows = f"SELECT {header} UNION ALL {rows}"
    written = _copy(
        engine,
        rows,
        target,
        "FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NEW_LINE '\\r\\n'",
    )
    return written - 1 if header else written


def _copy(engine: duckdb.DuckDBPyConnection, query: Sql, target: Path, options: Sql) -> int:
    row = engine.execute(f"COPY ({query}) TO {literal(str(target))} ({options})").fetchone()
    return int(row[0]) if row else 0
