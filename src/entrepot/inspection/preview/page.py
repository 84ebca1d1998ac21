"""A page of rows out of a version's Parquet: chosen columns, filtered, sorted, from any row on.

Runs in the sandbox process. A row is known by its number in the file, by which the engine finds
its row group. A page starts behind a row of that number: what it is sorted by is looked up there,
since a version never changes, so that no cursor carries what is in a file.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import duckdb

from entrepot.inspection.cell_json import json_of
from entrepot.inspection.preview.filter_ast import Columns, FilterColumn, FilterRefused
from entrepot.inspection.preview.filter_parse import parse_filter
from entrepot.inspection.preview.filter_sql import filter_sql
from entrepot.inspection.results import Preview, PreviewRequest
from entrepot.inspection.sql import Sql, sql, type_name
from entrepot.inspection.stored_parquet import open_stored

MAX_CELL_CHARS = 1_000
"""Characters of a cell that are shown."""
MAX_PAGE_CELLS = 100_000
"""Cells of a page: of a wide table fewer rows are shown."""
MAX_PAGE_CHARS = 4_000_000
"""Characters of a page, all cells together: it ends with the row that passes them."""
MAX_SKIPPED_ROWS = 100_000
"""Rows that a filter finds or a sort gives which may be skipped by `offset`."""
MAX_EXACT_INTEGER = (1 << 53) - 1
"""The largest integer that every reader of JSON takes exactly (RFC 8259, section 6)."""
NUMBER = sql("_number")
"""The row's number, from 0."""
NAMES = re.compile(r'\s*+(-?)\s*+("(?:[^"]|"")++"\s*+|[^,"]++)(?:,|$)')
"""A name, with the blanks behind it."""


@dataclass(frozen=True)
class _Sort:
    column: FilterColumn
    descending: bool


def preview_file(engine: duckdb.DuckDBPyConnection, request: PreviewRequest) -> Preview:
    """The page. What cannot be had as it was asked for is its `problem`; raises duckdb.Error."""
    try:
        return _preview(engine, request)
    except FilterRefused as refused:
        problem = {"code": refused.code, "detail": refused.detail, **refused.figures}
        return Preview([], [], False, problem)


def _preview(engine: duckdb.DuckDBPyConnection, request: PreviewRequest) -> Preview:
    stored = open_stored(engine, request.path, numbered=True)
    source, number = stored.relation, NUMBER
    columns = Columns(
        [FilterColumn(each.name, each.stored_as, each.sql) for each in stored.columns]
    )
    sorts = _sorts(request.order_by, columns)
    chosen = [columns.find(name, "columns") for name, _ in _names(request.columns, "columns")]
    chosen = (list(dict.fromkeys(chosen)) or columns.all)[: request.most_columns]
    if any(sign for _, sign in _names(request.columns, "columns")):
        raise _bad_names("columns")
    conditions: list[Sql] = []
    values: list[Any] = []
    if request.where is not None:
        sql, values = filter_sql(parse_filter(request.where, columns))
        conditions.append(f"({sql})")
    if request.offset > MAX_SKIPPED_ROWS and (conditions or sorts):
        raise FilterRefused(
            "field-invalid",
            f"offset: of a filtered or sorted table at most {MAX_SKIPPED_ROWS:,} rows can be "
            "skipped; follow the pages, or filter more.",
            field="offset",
            limit=MAX_SKIPPED_ROWS,
        )
    limit = max(1, min(request.limit, MAX_PAGE_CELLS // len(chosen)))
    query = _Query(engine, source, number, conditions, values)
    if sorts:
        numbers = query.sorted(sorts, request.after, limit + 1, request.offset)
        more, numbers = len(numbers) > limit, numbers[:limit]
        rows = query.numbered(numbers, chosen)
    else:
        rows = query.plain(chosen, request.after, limit + 1, request.offset)
        more, rows = len(rows) > limit, rows[:limit]
    page = _page(rows, chosen)
    described_columns = [{"name": column.name, "stored_as": column.stored_as} for column in chosen]
    return Preview(described_columns, page, more or len(page) < len(rows))


@dataclass(frozen=True)
class _Query:
    """Rows of `source` under `conditions`, whose parameters are `values`; `number` is the column
    of the rows' numbers, from 0."""

    engine: duckdb.DuckDBPyConnection
    source: Sql
    number: Sql
    conditions: list[Sql]
    values: list[Any]

    def plain(
        self, chosen: list[FilterColumn], after: int | None, limit: int, offset: int
    ) -> list[tuple[Any, ...]]:
        """Rows in their order, each with its number first."""
        conditions, values = self.conditions, self.values
        if after is not None:
            conditions, values = [*conditions, f"{self.number} > ?"], [*values, after]
        if offset and not conditions:
            conditions, values, offset = [f"{self.number} >= ?"], [offset], 0
        # The engine keeps the order of rows by itself (preserve_insertion_order), and with a LIMIT
        # alone it stops at the last row wanted.
        return self.engine.execute(
            f"SELECT {_cells(self.number, chosen)} FROM {self.source}{_where(conditions)} "
            f"LIMIT {limit:d} OFFSET {offset:d}",
            values,
        ).fetchall()

    def sorted(self, sorts: list[_Sort], after: int | None, limit: int, offset: int) -> list[int]:
        """The numbers of the rows, sorted; cells that are missing come last either way."""
        conditions, values = self.conditions, self.values
        if after is not None:
            behind, at = self._behind(sorts, after)
            conditions, values = [*conditions, behind], [*values, *at]
        order = ", ".join(
            f"{s.column.sql} {'DESC' if s.descending else 'ASC'} NULLS LAST" for s in sorts
        )
        rows = self.engine.execute(
            f"SELECT {self.number} FROM {self.source}{_where(conditions)} "
            f"ORDER BY {order}, {self.number} LIMIT {limit:d} OFFSET {offset:d}",
            values,
        ).fetchall()
        return [int(number) for (number,) in rows]

    def numbered(self, numbers: list[int], chosen: list[FilterColumn]) -> list[tuple[Any, ...]]:
        """The rows of these numbers, in this order."""
        if not numbers:
            return []
        listed = ", ".join(f"{number:d}" for number in numbers)
        rows = self.engine.execute(
            f"SELECT {_cells(self.number, chosen)} FROM {self.source} "
            f"WHERE {self.number} IN ({listed})"
        ).fetchall()
        by_number = {row[0]: row for row in rows}
        return [by_number[number] for number in numbers]

    def _behind(self, sorts: list[_Sort], after: int) -> tuple[Sql, list[Any]]:
        """The condition of the rows that come after that of number `after`, and its values."""
        keys = ", ".join(f"{s.column.sql}::VARCHAR" for s in sorts)
        at = self.engine.execute(
            f"SELECT {keys} FROM {self.source} WHERE {self.number} = ?", [after]
        ).fetchone()
        if at is None:
            raise FilterRefused("field-invalid", "cursor: there is no such row.", field="cursor")
        ways: list[Sql] = []
        values: list[Any] = []
        equal: list[Sql] = []
        equal_values: list[Any] = []
        for sort, key in zip(sorts, at, strict=True):
            name, this = (
                sort.column.sql,
                f"CAST(? AS {type_name(sort.column.stored_as)})",
            )
            if key is None:  # only other missing ones may follow
                equal.append(f"{name} IS NULL")
                continue
            sign = sql("<" if sort.descending else ">")
            ways.append(" AND ".join([*equal, f"({name} {sign} {this} OR {name} IS NULL)"]))
            values += [*equal_values, key]
            equal.append(f"{name} = {this}")
            equal_values.append(key)
        ways.append(" AND ".join([*equal, f"{self.number} > ?"]))
        return "(" + " OR ".join(f"({way})" for way in ways) + ")", [*values, *equal_values, after]


def _where(conditions: list[Sql]) -> Sql:
    return f" WHERE {' AND '.join(conditions)}" if conditions else sql("")


def _cells(number: Sql, chosen: list[FilterColumn]) -> Sql:
    return ", ".join([number, *(_cell(column) for column in chosen)])


def _cell(column: FilterColumn) -> Sql:
    """The cell as it is fetched: what may be long is cut by the engine, one character later than
    it is shown, so that it can be named."""
    name = column.sql
    match column.kind:
        case "text":
            return f"left({name}, {MAX_CELL_CHARS + 1})"
        case "other" if column.stored_as.endswith("[]"):
            return f"left({json_of(name, column.stored_as)}, {MAX_CELL_CHARS + 1})"
        case "other":
            return f"left({name}::VARCHAR, {MAX_CELL_CHARS + 1})"
        case "temporal":  # beyond what Python's types hold there are years and nanoseconds
            return f"{name}::VARCHAR"
        case _:
            return name


def _page(rows: list[tuple[Any, ...]], chosen: list[FilterColumn]) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = []
    characters = 0
    for number, *cells in rows:
        if characters > MAX_PAGE_CHARS:
            break
        values, cut = [], []
        for column, cell in zip(chosen, cells, strict=True):
            if isinstance(cell, str):
                characters += len(cell)
                if len(cell) > MAX_CELL_CHARS:
                    cut.append(column.name)
                    values.append(cell[:MAX_CELL_CHARS])
                    continue
            values.append(_json_value(column, cell))
        page.append({"number": int(number), "values": values} | ({"cut": cut} if cut else {}))
    return page


def _json_value(column: FilterColumn, cell: Any) -> Any:  # noqa: PLR0911 (a row per kind of cell)
    """The cell as JSON has it exactly, else as a text in the schema's lexical form."""
    match cell:
        case None | bool():
            return cell
        case int():
            return cell if -MAX_EXACT_INTEGER <= cell <= MAX_EXACT_INTEGER else str(cell)
        case float():
            if math.isfinite(cell):
                return cell
            return "NaN" if math.isnan(cell) else "INF" if cell > 0 else "-INF"
        case str():
            return _lexical(column, cell)
        case date() | datetime() | time():
            return cell.isoformat()
        case _:
            return f"{cell:f}"  # a decimal, without an exponent


def _lexical(column: FilterColumn, text: str) -> Any:
    if column.stored_as.endswith("[]"):
        decimals = column.stored_as.startswith("DECIMAL")
        return json.loads(text, parse_float=str if decimals else float, parse_int=_exact_integer)
    if column.stored_as == "TIMESTAMP WITH TIME ZONE":
        return text.replace(" ", "T").replace("+00", "Z")
    if column.stored_as.startswith("TIMESTAMP"):
        return text.replace(" ", "T")
    return text


def _exact_integer(text: str) -> int | str:
    """An item of a list, as a cell is shown."""
    number = int(text)
    return number if -MAX_EXACT_INTEGER <= number <= MAX_EXACT_INTEGER else text


def _sorts(text: str | None, columns: Columns) -> list[_Sort]:
    sorts = []
    for name, descending in _names(text, "order_by"):
        column = columns.find(name, "order_by")
        if column.kind == "other":
            raise FilterRefused(
                "type-mismatch",
                f"order_by: {column.name} is {column.stored_as}, which has no order.",
                parameter="order_by",
                column=column.name,
                column_type=column.stored_as,
            )
        sorts.append(_Sort(column, descending))
    return sorts


def _names(text: str | None, parameter: str) -> list[tuple[str, bool]]:
    """Names with commas between them, each whether a minus stands before it; a name with a comma,
    or with a minus at its beginning, in double quotes. Raises FilterRefused."""
    names, place, rest = [], 0, (text or "").strip()
    while place < len(rest):
        match = NAMES.match(rest, place)
        if match is None:
            raise _bad_names(parameter)
        minus, name = match[1], match[2].rstrip()
        if name.startswith('"'):
            name = name[1:-1].replace('""', '"')
        names.append((name, bool(minus)))
        place = match.end()
    return names


def _bad_names(parameter: str) -> FilterRefused:
    return FilterRefused(
        "field-invalid",
        f"{parameter}: names of columns with commas between them, in double quotes where a name "
        f"has a comma, a quote or a minus at its beginning"
        f"{'; a minus before a name sorts downwards' if parameter == 'order_by' else ''}.",
        field=parameter,
    )
