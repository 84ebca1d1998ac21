"""Infer the schema of a table over all of its rows.

The first rows rule candidates out (what fails there fails in the whole); one pass over everything
settles the first choice of each column; only where a later row rules that out, or some texts may
mean "no value", one more pass asks those columns for everything.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.check.almost_typed import (
    MAX_EXCEPTIONS,
    MIN_ROWS,
    AlmostTyped,
    exceptions_of,
    list_exceptions,
)
from entrepot.inspection.check.count_cells import (
    TYPE_BY_KIND,
    CellCounts,
    count_cells,
    count_prefiltered,
    fits,
)
from entrepot.inspection.check.emptiness import columns_with_values
from entrepot.inspection.check.first_texts import first_texts
from entrepot.inspection.check.group_sizes import proven_groupings
from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.check.type_candidates import Candidate, candidates_like
from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.table import CellKind, Column, Storage, Table
from entrepot.inspection.values.cell_sql import is_finite, text_fits
from entrepot.inspection.values.doubtful_points import doubtful_points
from entrepot.inspection.values.whole_measures import whole_measures
from entrepot.schemas.lexical import MARKS_BESIDE_NAN, MISSING_MARKS
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.parse_field import PROPERTY_TYPES

ZONED_TYPES = frozenset({"time", "datetime"})
"""Types whose values may have a time zone."""
TEXT_FORMS = frozenset({"date", *ZONED_TYPES})
"""Types whose values are texts in formats that know numbers and booleans of their own."""
NUMERIC: frozenset[CellKind] = frozenset({"integer", "decimal", "number"})
"""The kinds of stored numbers."""
MAX_LABEL_CHARS, MAX_NUMBERED_CHARS = 1_000, 900
"""Of a name that is made of a label; and before the number that tells it from the same one."""


@dataclass(frozen=True)
class Inferred:
    """The schema and the count of data rows; `embedded` are the line ends inside cells, None
    where every line of the text is accounted for. `maybe_blank`: there may be rows without any
    value. `controls`: texts have control characters, None where that is not known. `almost_typed`
    are columns that very few cells keep from a type, `measures` the names of columns that take
    decimals and have whole numbers only, `doubtful` of those whose points may be of two kinds,
    `zones` of those with time zones in some cells alone."""

    schema: TableSchema
    rows: int
    embedded: int | None
    maybe_blank: bool
    controls: bool | None
    almost_typed: tuple[AlmostTyped, ...] = ()
    measures: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()


def infer_schema(
    engine: duckdb.DuckDBPyConnection, table: Table, freezes: bool = False
) -> Inferred:
    """Infer over the whole of `table`; `freezes`: the schema is to become a contract, so that it
    takes decimals in measures, and names the cells for which a column has no type too. Raises
    duckdb.Error where the scan fails."""
    likely = _likely_types(engine, table)
    names = unique_names(table.labels)
    candidates = [each.first_choice() for each in likely]
    totals, counts = count_prefiltered(engine, table, candidates) or count_cells(
        engine, table, candidates
    )
    may_be_almost = freezes and totals.rows >= MIN_ROWS
    open_ones = []
    others = []
    for n, (column, some, counted) in enumerate(
        zip(table.columns, candidates, counts, strict=True)
    ):
        is_open = _is_open(column, some, counted)
        if is_open or (may_be_almost and not some):
            possible = likely[n].all()
            if is_open or possible:
                open_ones.append(n)
                others.append(possible)
    if open_ones:
        part = table.select(open_ones)
        _, again = count_cells(engine, part, others, in_full=True)
        for n, counted, some in zip(open_ones, again, others, strict=True):
            counts[n], candidates[n] = counted, some
    fields = [
        _make_field(column, name, some, counted.without_formulas() if freezes else counted)
        for column, name, some, counted in zip(
            table.columns, names, candidates, counts, strict=True
        )
    ]
    infinite = {n for n, counted in enumerate(counts) if counted.infinite}
    fields = _with_grouping(engine, table, _with_finite(engine, table, fields, infinite))
    texts = [each.texts for each in likely]
    doubtful = doubtful_points(fields, texts, table.delimiter)
    for place in doubtful:
        fields[place] = Field(fields[place].name)
    measures = whole_measures(fields, texts) if freezes else []
    for place in measures:
        fields[place] = replace(fields[place], type="number", finite=True)
    schema = TableSchema(_with_filled(engine, table, fields), min_rows=1 if totals.rows else 0)
    exceptions = []
    if may_be_almost:
        columns = exceptions_of(table, fields, candidates, counts)
        exceptions = list_exceptions(engine, table, columns)
    marks = any(counted.marks for counted in counts)
    zones = [each.name for each in fields if each.type in ZONED_TYPES and each.time_zone is None]
    return Inferred(
        schema,
        totals.rows,
        totals.embedded,
        marks or totals.blank > 0,
        totals.controls,
        tuple(exceptions),
        tuple(names[place] for place in measures),
        tuple(names[place] for place in doubtful),
        tuple(zones),
    )


class LikelyTypes:
    """The candidates for the type of a column, by its first texts. Each is compared with them when
    it is asked for, since most columns are settled by the first that fits."""

    def __init__(self, column: Column, texts: Counter[str], storage: Storage) -> None:
        self._column = column
        self.texts = texts
        self._storage: Storage = storage

    def first_choice(self) -> list[Candidate]:
        """The first candidate that fits the first texts, with the one that it may be confused with;
        none if no candidate fits."""
        possible = self._possible()
        first = next((each for each in possible if not self._misfits(each)), None)
        if first is None:
            return []
        rivals = [
            each for each in possible if each.name == first.unless and not self._misfits(each)
        ]
        return self._asking_the_rest([first, *rivals])

    def all(self) -> list[Candidate]:
        """The candidates that fit the first texts, then those that fit all but very few of them.
        Asking the engine for every candidate would cost it more to plan than to run."""
        likely, near = [], []
        for candidate in self._possible():
            misfits = self._misfits(candidate)
            if not misfits:
                likely.append(candidate)
            elif misfits <= MAX_EXCEPTIONS < self.texts.total():
                near.append(candidate)
        # A further spelling of the type that a column has anyway says nothing.
        settled = {candidate.field.type for candidate in likely}
        near = [candidate for candidate in near if candidate.field.type not in settled]
        return self._asking_the_rest([*likely, *near])

    def _possible(self) -> Iterator[Candidate]:
        for candidate in candidates_like(self.texts) if self.texts else ():
            kind = candidate.field.type
            if self._column.kind is None and kind not in TEXT_FORMS:
                continue
            if text_fits(kind, self._storage):
                yield candidate

    def _misfits(self, candidate: Candidate) -> int:
        return candidate.count_misfits(self.texts, MAX_EXCEPTIONS)

    def _asking_the_rest(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [candidate.without_known_evidence(self.texts) for candidate in candidates]


def _likely_types(engine: duckdb.DuckDBPyConnection, table: Table) -> list[LikelyTypes]:
    if table.typed:
        return [LikelyTypes(column, Counter(), table.storage) for column in table.columns]
    return [
        LikelyTypes(column, texts, table.storage)
        for column, texts in zip(table.columns, first_texts(engine, table), strict=True)
    ]


def _is_open(column: Column, tried: Sequence[Candidate], counts: CellCounts) -> bool:
    """Whether the first choice does not settle the field of a column."""
    if tried:
        return counts.filled > 0 and not fits(tried[0], counts)
    # Texts among native cells may all be marks of missing values. A column of texts alone has no
    # candidate, so that it is a string whatever they are.
    return counts.texts > 0 and any(counts.kinds.values())


def _with_filled(
    engine: duckdb.DuckDBPyConnection, table: Table, fields: Sequence[Field]
) -> tuple[Field, ...]:
    """The fields, those with a value in some row as such that must have one."""
    # Whether a cell has a value, its control characters do not tell.
    table = table.known_to_have_controls(False)
    cells = checked_columns(table, TableSchema(tuple(fields), fields_match="exact"))
    filled = columns_with_values(engine, table, cells)
    return tuple(
        replace(field, not_empty=number in filled) for number, field in enumerate(fields, start=1)
    )


def unique_names(labels: Sequence[str]) -> list[str]:
    """A name for each column: its label, made up where blank, numbered where doubled."""
    candidates = [label[:MAX_LABEL_CHARS].replace("\0", "") for label in labels]
    reserved, taken = set(candidates), set[str]()
    last_numbers: dict[str, int] = {}
    names = []
    for number, label in enumerate(candidates, start=1):
        base = label or f"column_{number}"
        name, count = base, last_numbers.get(base, 1)
        # A label keeps its name, whatever is made up for the others.
        while name in taken or (name in reserved and name != label):
            count += 1
            name = f"{base[:MAX_NUMBERED_CHARS]}_{count}"
        last_numbers[base] = count
        taken.add(name)
        names.append(name)
    return names


def _make_field(
    column: Column, name: str, likely: Sequence[Candidate], counts: CellCounts
) -> Field:
    """The field that all rows agree on."""
    field = _choose_field(column, likely, counts)
    missing = None if field.type == "string" else MISSING_MARKS
    return replace(field, name=name, missing_values=missing)


def _choose_field(column: Column, likely: Sequence[Candidate], counts: CellCounts) -> Field:
    if column.kind == "formula":
        return Field("")
    if column.kind not in ("text", None):
        return _typed(column, column.kind)
    if any(counts.kinds.values()):
        return _field_by_kind(column, counts)
    if counts.filled == counts.marks:
        return Field("")
    return next((each.field for each in likely if fits(each, counts)), Field(""))


def _typed(column: Column, kind: CellKind) -> Field:
    """The field of a column that the format itself says to be of one kind."""
    field_type = TYPE_BY_KIND[kind]
    zone = column.zoned if field_type in ZONED_TYPES else None
    return Field(
        "",
        field_type,
        leading_zeros=field_type not in ("integer", "number"),
        time_zone=zone,
        stored_type=field_type in PROPERTY_TYPES["entrepot:storedType"],
    )


def _field_by_kind(column: Column, counts: CellCounts) -> Field:
    """JSON and workbooks say themselves what a value is; a column of several kinds is any,
    but for texts that mean a missing value (`n/a` among numbers)."""
    kinds = {kind for kind, count in counts.kinds.items() if count > 0}
    if kinds == {"formula"}:
        return Field("")
    if counts.texts > counts.infinite or (counts.texts and not kinds <= NUMERIC):
        return Field("", "any")
    if kinds <= NUMERIC and (len(kinds) > 1 or counts.infinite):
        return Field("", "number", leading_zeros=False)
    return _typed(column, kinds.pop()) if len(kinds) == 1 else Field("", "any")


def _with_grouping(
    engine: duckdb.DuckDBPyConnection, table: Table, fields: list[Field]
) -> list[Field]:
    """The fields with the groups of digits that a number of their column proves; a column with
    numbers of both kinds is a text."""
    grouped = [
        n
        for n, (column, field) in enumerate(zip(table.columns, fields, strict=True))
        if field.group_char and column.kind == "text"
    ]
    cells = [(table.columns[n].text, fields[n]) for n in grouped]
    for n, proven in zip(grouped, proven_groupings(engine, table, cells), strict=True):
        if len(proven) > 1:
            fields[n] = Field(fields[n].name)
        elif proven:
            fields[n] = replace(fields[n], grouping=min(proven))
    return fields


def _with_finite(
    engine: duckdb.DuckDBPyConnection, table: Table, fields: list[Field], known: set[int]
) -> list[Field]:
    """The fields, of which those of stored numbers are finite if all of their numbers are: JSON
    and workbooks have no others but those at the `known` places, and texts tell by their form.
    Where NaN is stored it is a value, and so it is in other formats: `NaN` is not a mark of a
    missing one."""
    stored = [
        n
        for n, (column, field) in enumerate(zip(table.columns, fields, strict=True))
        if field.type == "number" and column.kind != "text"
    ]
    doubles = [n for n in stored if table.typed and table.columns[n].kind in ("number", None)]
    infinite = set(known)
    with_nan: set[int] = set()
    for start in range(0, len(doubles), COLUMNS_PER_QUERY):
        some = doubles[start : start + COLUMNS_PER_QUERY]
        texts = [table.columns[n].text for n in some]
        flags = [f"bool_or(NOT {is_finite(text)})" for text in texts]
        flags += [f"bool_or({text} = 'nan')" for text in texts]
        row = engine.execute(f"SELECT {', '.join(flags)} FROM {table.relation}").fetchone() or ()
        infinite |= {n for n, flag in zip(some, row, strict=False) if flag}
        with_nan |= {n for n, flag in zip(some, row[len(some) :], strict=False) if flag}
    finite = set(stored) - infinite
    fields = [
        replace(field, finite=True) if n in finite else field for n, field in enumerate(fields)
    ]
    for n in with_nan:
        fields[n] = replace(fields[n], missing_values=MARKS_BESIDE_NAN)
    return fields
