"""Read JSON Lines, JSON arrays of objects, and objects one after another: keys are columns.

Nothing is copied: to parse an object again in each pass costs the engine a quarter of reading
its line, and less than to read its values from a file of their own.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.engine import line_bounds
from entrepot.inspection.engine_errors import first_line, out_of_resources
from entrepot.inspection.formats.json_arrays import column_of, read_arrays, with_values
from entrepot.inspection.formats.json_end import describe_odd, ends_with_bracket, is_one_array
from entrepot.inspection.formats.json_one_object import judge_one_object
from entrepot.inspection.formats.json_positions import (
    JsonSyntaxError,
    depth_of,
    first_syntax_error,
    line_of_element,
    locate_elements,
    object_error,
)
from entrepot.inspection.formats.json_property import isolate_property
from entrepot.inspection.formats.json_text import (
    SPLIT,
    check_utf8,
    in_utf8,
    warn_of_marks_in,
    with_plain_newlines,
)
from entrepot.inspection.formats.json_totals import (
    JsonRecords,
    check_openings,
    count_lines,
    has_controls,
)
from entrepot.inspection.limits import Limits
from entrepot.inspection.sql import Sql, literal, named_arguments, sql
from entrepot.inspection.table import (
    Finding,
    FirstVersion,
    NotTabular,
    SourceBroken,
    Table,
    TooLarge,
)
from entrepot.inspection.values.json_numbers import (
    has_long_number,
    new_mark,
    with_marked_numbers,
    without_marks,
)
from entrepot.inspection.values.made_up_names import name_of_blank_key
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

MAX_LISTED = 1_000
"""Faults that the reader lists, as many as a report has by default (`limits.Limits.errors`)."""
BLOCK_BYTES = 1 << 20
"""Copied at a time."""
OPENINGS = {"OBJECT": "{", "ARRAY": "["}
"""With which bracket a value of that type begins."""
MAX_EXPLAINED_BYTES = 64 << 10
"""A longer line that is not JSON is not read again to find out why."""
SHAPES = sql("json_shapes")
TEXT = r'"(?:[^"\\]|\\.)*"'
STRICT = rf"(?:[^\",]|{TEXT}|,\s*(?:[^\s\",\]}}]|{TEXT}))*"
LAX = (
    f"(regexp_matches(doc, ',\\s*[}}\\]]') AND NOT regexp_full_match(doc, {literal(STRICT)}, 's'))"
)
"""The engine takes a comma before a closing bracket; JSON does not. Within texts it is none."""
NO_WORDS = rf'(?:[^"nNiI]|null|{TEXT})*'
NO_NUMBER = (
    r"(regexp_matches(doc, '(?i)[:,\[]\s*[-+]?(?:nan|inf)') "
    f"AND NOT regexp_full_match(doc, {literal(NO_WORDS)}, 's'))"
)
"""The engine takes NaN and Infinity, in any case; JSON knows no such words."""
SOUND_JSON = f"NOT {LAX} AND NOT {NO_NUMBER}"
SOUND = (
    "coalesce(CASE WHEN json_valid(doc) THEN json_type(doc) = 'OBJECT' "
    f"AND {SOUND_JSON} END, false)"
)
TWICE = sql("len(keys) <> list_unique(keys)")


@dataclass(frozen=True)
class _Source:
    """The objects of a file: `docs` is a relation of `_row`, `_line` and `doc`, in order. `keys`
    are those that the dialect selects, None for all; `items_stated`: it says what the items are.
    `names` are those of the contract, if there is one."""

    path: Path
    form: str
    media_type: str
    encoding: str
    docs: Sql
    keys: tuple[str, ...] | None = None
    items_stated: bool = False
    names: tuple[str, ...] = ()


def open_json(detected: Detected, request: TableRequest, context: InspectionContext) -> OpenedTable:
    """Objects of JSON, or arrays if the dialect says so, ready to be read."""
    dialect = request.dialect or TableDialect()
    arrays, headed = dialect.item_type == "array", dialect.header is not False
    first = 1 if arrays else 2

    def locate(errors: list[dict[str, Any]]) -> None:
        plain, _ = _plain_text(request, context)
        locate_elements(errors, plain, detected.kind == "json", context.limits.line, first)

    lines = detected.kind == "jsonl"  # whose rows have their line already
    records = JsonRecords(header=int(arrays and headed))

    def read() -> Table:
        table = read_json(request, detected, context, records)
        return replace(table, warnings=(*table.warnings, *warn_of_marks_in(request.path)))

    return OpenedTable(
        read,
        locate_errors=(lambda errors: None) if lines else locate,
        count_records=records.count,
    )


def read_json(
    request: TableRequest, detected: Detected, context: InspectionContext, records: JsonRecords
) -> Table:
    """The objects of the file as rows.

    In JSON Lines (jsonlines.org) blank lines are passed over, and a line that is not an object is a
    finding and not a row; an array is JSON as a whole or not at all. An object in which a key
    occurs twice is a finding, and a row with the first value. `records` gets their counts, made
    apart from what the engine reads. Raises NotTabular, SourceBroken, TooLarge; OSError when the
    scratch folder is full.
    """
    form, limits, dialect = detected.kind, context.limits, request.dialect or TableDialect()
    plain, encoding = _plain_text(request, context)
    if form == "jsonl":
        plain = with_plain_newlines(plain, context.scratch)
    docs = _docs(plain, form, limits)
    stated = dialect.item_type is not None
    names = tuple(request.names or ())
    source = _Source(
        plain, form, detected.media_type, encoding, docs, dialect.item_keys, stated, names
    )
    try:
        if form == "json" and not ends_with_bracket(plain):
            first_error = first_syntax_error(plain, True, limits.line)
            raise _broken(first_error, "the JSON array does not end")
        if form == "json" and not is_one_array(context.engine, plain, docs):
            first_error = first_syntax_error(plain, True, limits.line)
            raise _broken(first_error, "something follows the array's end")
        if dialect.item_type == "array":
            _check_records(context.engine, source, limits, "ARRAY", records)
            labels = None if dialect.header is not False else request.names or ()
            description = {"format": form, "encoding": encoding}
            return read_arrays(
                context.engine, docs, labels, limits, detected.media_type, description
            )
        return _table(context.engine, source, limits, records)
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        if out_of_resources(error):
            raise
        if "aximum line size" in str(error) or "maximum_object_size" in str(error):
            raise TooLarge(f"an object of more than {counted(limits.line, 'byte')}") from None
        check_utf8(plain, context)
        first_error = (
            None if form == "jsonl" else first_syntax_error(plain, form == "json", limits.line)
        )
        raise _broken(first_error, first_line(error)) from None


def _plain_text(request: TableRequest, context: InspectionContext) -> tuple[Path, str]:
    """The rows' text in UTF-8, and the encoding of the file. Raises SourceBroken, OSError."""
    plain, encoding = in_utf8(request.path, context, request.encoding)
    name = request.dialect.property if request.dialect is not None else None
    if name is None:
        return plain, encoding
    target = context.scratch / "property.json"
    isolate_property(plain, name, target, context.limits.line)
    return target, encoding


def _docs(path: Path, form: str, limits: Limits) -> Sql:
    place = literal(str(path))
    if form == "jsonl":
        bounds = named_arguments(line_bounds(limits.line))
        lines = (
            f"read_csv({place}, delim = {literal(SPLIT.decode())}, quote = '', escape = '', "
            "header = false, auto_detect = false, columns = {'doc': 'VARCHAR'}, "
            f"compression = 'none', {bounds})"
        )
        return (
            "(SELECT row_number() OVER () + 1 AS _row, _line, doc FROM (SELECT row_number() OVER "
            f"() AS _line, doc FROM {lines}) WHERE trim(doc, ' \t\r\ufeff') <> '')"
        )
    layout = sql("array" if form == "json" else "unstructured")
    objects = (
        f"read_json_objects({place}, format = '{layout}', compression = 'none', "
        f"maximum_object_size = {limits.line})"
    )
    return (
        "(SELECT row_number() OVER () + 1 AS _row, NULL::BIGINT AS _line, "
        f"json::VARCHAR AS doc FROM {objects})"
    )


def _table(
    engine: duckdb.DuckDBPyConnection, source: _Source, limits: Limits, records: JsonRecords
) -> Table:
    exact = _check_records(engine, source, limits, "OBJECT", records)
    bad = records.bad
    sound = f"(SELECT * FROM {source.docs} WHERE {SOUND})" if bad else source.docs
    twice = _scalar(engine, f"SELECT coalesce(sum(times), 0) FROM {SHAPES} WHERE {TWICE}")
    # Of rows without a key, or of none, a contract knows the columns.
    keys = _keys(engine, limits) or list(source.names)
    # Keys have no order of their own: every version has that of the contract.
    places = {name: place for place, name in enumerate(source.names)}
    blank = name_of_blank_key(source.names, set(keys))
    if blank is not None:
        places.setdefault("", places[blank])
    keys.sort(key=lambda key: places.get(key, len(source.names)))
    if source.keys is not None:
        keys = [key for key in source.keys if key in set(keys)]
    if not keys and bad:
        first = _findings(engine, source)[0]
        raise SourceBroken(first.note, first.line)
    if not keys:
        selected = " of the dialect's itemKeys" if source.keys is not None else ""
        raise NotTabular(f"it is JSON without an object that has keys{selected}")
    mark = new_mark() if exact else ""
    doc = with_marked_numbers("doc", mark) if exact else sql("doc")
    pointers = list(map(_pointer, keys))

    def finish(text: Sql) -> Sql:
        return without_marks(text, mark) if mark else text

    return Table(
        columns=tuple(column_of(key, n) for n, key in enumerate(keys)),
        relation=with_values(sound, sql(""), doc, pointers, finish),
        numbered=with_values(sound, sql("_row, _line"), doc, pointers, finish),
        media_type=source.media_type,
        by_name=True,
        storage="objects",
        first_version=_first_version(engine, source, keys, pointers, records),
        findings=_findings(engine, source) if bad or twice else (),
        findings_total=bad + twice,
        place_unit="line" if source.form == "jsonl" else "element",
        rejected_by_reader=twice,
        unread_records=bad,
        description={"format": source.form, "encoding": source.encoding},
    )


def _first_version(
    engine: duckdb.DuckDBPyConnection,
    source: _Source,
    keys: list[str],
    pointers: list[str],
    records: JsonRecords,
) -> FirstVersion:
    several = records.total - records.blank != 1
    if source.form == "json" or source.items_stated or several:
        return FirstVersion()
    return judge_one_object(engine, source.docs, keys, pointers)


def _may_be_deep(levels: int) -> Sql:
    """The condition on `doc` that it has as many brackets as that many levels take."""
    openings = sql("strlen(doc) - strlen(replace(replace(doc, '[', ''), '{', ''))")
    return f"(CASE WHEN strlen(doc) > {2 * levels} THEN {openings} > {levels} ELSE false END)"


def _refuse_deep(engine: duckdb.DuckDBPyConnection, source: _Source, limits: Limits) -> None:
    """Raise TooLarge at the first object that is nested too deeply: what reads JSON calls itself
    for each level. Only objects with as many brackets are looked at one by one."""
    deep = limits.depth
    engine.execute(f"SELECT _row, _line, doc FROM {source.docs} WHERE {_may_be_deep(deep)}")
    while row := engine.fetchone():
        number, line, doc = row
        if depth_of(doc) > deep:
            if line is None:
                line = line_of_element(source.path, source.form == "json", limits.line, number)
            place = f"line {line:,}" if line else f"row {number:,}"
            raise TooLarge(
                f"more than {counted(deep, 'level')} of JSON in {place}; {deep:,} are read"
            )


def _check_records(
    engine: duckdb.DuckDBPyConnection,
    source: _Source,
    limits: Limits,
    item_type: str,
    records: JsonRecords,
) -> bool:
    """Count the records, and the lines that are not objects, and collect which keys occur together.
    Other forms are JSON as a whole, and have items of one type alone. Returns whether a number may
    have more digits than a double. All in one pass, since to read the lines takes most of it."""
    deep = f"count_if({_may_be_deep(limits.depth)})"
    lines = source.form == "jsonl"
    odd_items = sql("0" if lines else f"count_if(json_type(doc) <> {literal(item_type)})")
    sound = sql(SOUND if lines else f"coalesce(json_valid(doc) AND {SOUND_JSON}, false)")
    keys = sql("NULL::VARCHAR[]" if item_type == "ARRAY" else "json_keys(doc)")
    opening = OPENINGS[item_type]
    openings = f"coalesce(sum(strlen(doc) - strlen(replace(doc, {literal(opening)}, ''))), 0)"
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {SHAPES} AS SELECT CASE WHEN sound THEN {keys} END AS keys, "
        f"sound, min(_row) AS first, count(*) AS times, {odd_items} AS odd, max(strlen(doc)) AS "
        f"longest, {deep} AS deep, {openings} AS opened, bool_or({has_long_number('doc')}) AS long "
        f"FROM (SELECT *, {sound} AS sound FROM {source.docs}) GROUP BY 1, 2"
    )
    total, odd, unsound, longest, many, opened, has_long = (
        engine.execute(
            "SELECT coalesce(sum(times), 0), sum(odd), sum(times) FILTER (NOT sound), max(longest),"
            f" sum(deep), sum(opened), bool_or(long) FROM {SHAPES}"
        ).fetchone()
        or (0,) * 7
    )
    if many:
        _refuse_deep(engine, source, limits)
    if (longest or 0) > limits.line and not lines:
        raise TooLarge(f"an object of {counted(longest, 'byte')}; {limits.line:,} are read")
    if odd:
        raise NotTabular(describe_odd(engine, source.docs, item_type))
    if not lines and (unsound or has_controls(source.path)):
        error = first_syntax_error(source.path, source.form == "json", limits.line)
        raise _broken(error, "a comma before a closing bracket")
    if lines:
        records.total, records.blank = count_lines(source.path)
        records.bad = int(unsound or 0)
    else:
        # The array's own bracket is in no element of it.
        check_openings(source.path, opening.encode(), int(opened or 0) + (item_type == "ARRAY"))
        records.total = int(total)
    return bool(has_long)


def _broken(error: JsonSyntaxError | None, reason: str) -> SourceBroken:
    """`fault`, if the place is known; else `reason`."""
    return SourceBroken(reason) if error is None else SourceBroken(error.reason, error.line)


def _findings(engine: duckdb.DuckDBPyConnection, source: _Source) -> tuple[Finding, ...]:
    """The first places of what is not an object, or an object with a key twice."""
    judged = f"SELECT *, {SOUND} AS sound FROM {source.docs}"
    keyed = f"SELECT *, CASE WHEN sound THEN json_keys(doc) END AS keys FROM ({judged})"
    short = f"CASE WHEN strlen(doc) <= {MAX_EXPLAINED_BYTES} THEN doc END"
    engine.execute(
        f"SELECT _row, _line, sound, {short} FROM ({keyed}) WHERE NOT sound OR {TWICE} "
        f"ORDER BY _row LIMIT {MAX_LISTED}"
    )
    findings = []
    while row := engine.fetchone():
        number, line, sound, doc = row
        reason = object_error(doc) if doc is not None else ""
        usual = "a key occurs twice in the object" if sound else "the line is not a JSON object"
        findings.append(Finding("invalid-json", reason or usual, number, line))
    return tuple(findings)


def _keys(engine: duckdb.DuckDBPyConnection, limits: Limits) -> list[str]:
    """All keys of all rows, in the order of their first appearance."""
    rows: list[tuple[Any, ...]] = engine.execute(
        f"SELECT key, min(first * 1000000 + place) AS first FROM (SELECT first, "
        f"unnest(keys) AS key, generate_subscripts(keys, 1) AS place FROM {SHAPES}) "
        f"GROUP BY key ORDER BY 2 LIMIT {limits.columns + 1}"
    ).fetchall()
    if len(rows) > limits.columns:
        raise TooLarge(f"more than {counted(limits.columns, 'different key')}")
    return [str(key) for key, _ in rows]


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _scalar(engine: duckdb.DuckDBPyConnection, query: Sql) -> int:
    row = engine.execute(query).fetchone()
    return int(row[0]) if row else 0
