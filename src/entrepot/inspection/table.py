"""A table: an SQL relation with one text per cell, and what its reader found while reading.
Readers make it; inference, checks and the profile use it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from entrepot.inspection.sql import Sql, sql
from entrepot.schemas.reading.support import EFFECT, SUPPORT, format_of

if TYPE_CHECKING:  # it loads the engine, which the processes outside the sandbox never need
    from entrepot.inspection.line_prefilter import Lines

CellKind = Literal[
    "text", "integer", "decimal", "number", "boolean", "date", "time", "datetime", "duration",
    "object", "array", "binary", "formula", "other",
]  # fmt: skip
"""What a cell is. A `decimal` has its digits, where a `number` may be a double. A `formula` has no
value: the program that wrote it did not work it out."""
Storage = Literal["text", "objects", "workbook", "columns"]
"""How a format stores cells: all as texts (delimited text), each with its own kind (JSON, XLSX),
or each column in a type of its own (Parquet, Arrow)."""

MAX_FIRST_ROWS = 1_000
"""The rows by which a table is judged before all of them are asked."""
PlaceUnit = Literal["line", "row", "element", "item", "record"]
"""What a reader of the file counts: physical lines of a text, rows of a sheet, elements of a JSON
array (from 1), rows of Parquet and Arrow (from 1, without a header)."""


@dataclass(frozen=True)
class Column:
    """One column. `text` is an SQL expression of type VARCHAR, NULL where the cell is empty.

    `kind` says what the format itself knows of the cells; None: it varies by cell, and the SQL
    expression `kind_sql` tells it. `zoned`: the format says that its moments have a zone.
    """

    label: str
    text: Sql
    kind: CellKind | None = "text"
    kind_sql: Sql = sql("")
    zoned: bool = False


@dataclass(frozen=True)
class Finding:
    """A fault of the structure that the reader itself knows the place of. `code` is one of
    `report.error_kinds`; `note` says what is wrong, as the part of a sentence after its place;
    `advice` is a sentence that says what to do."""

    code: str
    note: str
    row: int | None = None
    line: int | None = None
    offset: int | None = None
    advice: str = ""


@dataclass(frozen=True)
class FirstVersion:
    """What a reading says of a first version that is to become a contract: `findings` that reject
    it, `warnings`, the `dialect` to freeze with its schema, and `accepted`, sentences on what that
    contract expects then. `unsure` says in words that another
    reading is nearly as likely, `unsure_advice` how to state one; `markup`: the text is HTML or
    XML."""

    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    dialect: dict[str, Any] | None = None
    unsure: str = ""
    unsure_advice: str = ""
    markup: bool = False
    header_stated_absent: bool = False


@dataclass(frozen=True)
class Table:
    """`relation` is what a FROM clause takes; `numbered` too, with `_row` (the header is row 1)
    and `_line` (physical, from 1; NULL if unknown) before the cells, in the file's order.

    `uneven` says that rows may be shorter or longer than the header: then both relations have
    `_cells` (how many cells) and `_extra` (those too many, as a JSON list of texts, or of pairs of
    a column's number and a text where there are gaps).
    `first_row` is the row number of the first data row. `by_name`: fields belong to columns
    by name, since the format gives columns no order of their own (JSON). `storage` says
    what the format knows of a cell. `control_characters` tells whether texts may have control
    characters other than tab, LF and CR, as far as the reader knows; it may have to look for them.
    `embedded` counts the line ends inside cells; it raises IrregularText where the text is not
    proven to be read by the scan as it is by the lexer. `lines`, if set, is the same table line by
    line; `first_rows` are the texts of its first rows, as many as the reader read anyway, and
    `last_first_cell` is the text of the last row's first cell, None where only a scan tells it;
    `places` tells, where `_row` is not the row's own number, the numbers and the byte offsets of
    such rows (a row is a line then). `finding_counts` are the reader's
    findings by type where they are of several; `rejected_by_reader` counts rows, `unread_records`
    what is not a row but judged as one; `warnings` are sentences for the report.
    `first_version` judges the reading where it is to become a contract.
    `misplaced_header` says in words that the header is not where the contract expects it;
    `misplaced_header_rows` are the records (from 1) where it is then, if only titles stand above.
    `blank_despite_surplus`: a row that has surplus cells alone is a blank row, as Frictionless says
    of texts.
    `passes_over_blank`: the dialect takes out blank rows, and `relation` may have some.
    `place_unit` is what a reader of the file counts (`item`: elements of a JSON array of which
    the first is the header); `original` is the relation of which `relation` is a copy;
    `header_line` is the physical line of the header in a text; `unlabelled` are this many columns
    beyond the last one that have no label, and are not columns of the table.
    """

    columns: tuple[Column, ...]
    relation: Sql
    numbered: Sql
    media_type: str
    header: bool = True
    misplaced_header: str = ""
    misplaced_header_rows: tuple[int, ...] = ()
    first_version: FirstVersion = FirstVersion()
    first_row: int = 2
    uneven: bool = False
    blank_despite_surplus: bool = True
    passes_over_blank: bool = False
    by_name: bool = False
    storage: Storage = "text"
    control_characters: Callable[[], bool] = lambda: True
    embedded: Callable[[], int] = lambda: 0
    lines: "Lines | None" = None
    first_rows: tuple[tuple[str | None, ...], ...] = ()
    last_first_cell: Callable[[], str | None] = lambda: None
    places: Callable[[Collection[int]], dict[int, tuple[int, int]]] | None = None
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0
    finding_counts: tuple[tuple[str, int], ...] = ()
    rejected_by_reader: int = 0
    unread_records: int = 0
    warnings: tuple[str, ...] = ()
    description: dict[str, Any] = field(default_factory=dict)
    place_unit: PlaceUnit = "line"
    original: Sql = sql("")
    header_line: int | None = None
    unlabelled: int = 0

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.first_rows[:1])

    @property
    def header_rows(self) -> tuple[int, ...]:
        """The row numbers of the header; the first row where the format has no header row."""
        return tuple(self.description.get("headerRows") or (1,))

    @property
    def delimiter(self) -> str:
        """What stands between the cells of a delimited text, empty for other formats."""
        return str(self.description.get("dialect", {}).get("delimiter") or "")

    @property
    def typed(self) -> bool:
        """Whether each column has a type of its own, so that one of texts is meant to be one."""
        return self.storage == "columns"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The columns' labels in the file's order."""
        return tuple(column.label for column in self.columns)

    @property
    def stores_types(self) -> bool:
        """Whether the format says of each cell what it is; in a delimited text all are texts."""
        return self.by_name or self.place_unit != "line"

    @property
    def may_skip_blank_rows(self) -> bool:
        """Whether a dialect may say of its format that blank rows are skipped."""
        kind = self.description.get("format", "")
        return SUPPORT["skipBlankRows"].get(format_of(kind, None)) == EFFECT

    def select(self, places: Sequence[int]) -> "Table":
        """The table with the columns at `places` (from 0) alone."""
        return replace(
            self,
            columns=tuple(self.columns[place] for place in places),
            first_rows=tuple(tuple(row[place] for place in places) for row in self.first_rows),
            last_first_cell=self.last_first_cell if 0 in places[:1] else lambda: None,
        )

    @cached_property
    def _short_columns(self) -> tuple[Column, ...]:
        return tuple(
            replace(
                column,
                text=sql(f"c{number}"),
                kind_sql=sql(f"k{number}") if column.kind is None else column.kind_sql,
            )
            for number, column in enumerate(self.columns, start=1)
        )

    def with_short_names(self) -> "Table":
        """The table as it is in the relations of `narrowed`: its columns are `c1`, `c2`, …, and
        what tells the kind of their cells `k1`, `k2`, …"""
        return replace(self, columns=self._short_columns)

    def narrowed(self, numbers: Iterable[int]) -> tuple[Sql, Sql]:
        """Both relations with the columns at `numbers` (from 1) alone: for each expression of a
        query the engine looks at every column of the relation, whether it is used or not."""
        selected = [sql("_cells"), sql("_extra")] if self.uneven else []
        for number in numbers:
            column = self.columns[number - 1]
            selected.append(f"{column.text} AS c{number}")
            if column.kind is None:
                selected.append(f"{column.kind_sql} AS k{number}")
        relation = f"(SELECT {', '.join(selected or [sql('1')])} FROM {self.relation})"
        places = [sql("_row"), sql("_line")]
        return relation, f"(SELECT {', '.join(places + selected)} FROM {self.numbered})"

    def narrow(self, places: Iterable[int]) -> "Table":
        """The table with short names, in whose relations are the columns at `places` (from 0)
        alone."""
        relation, numbered = self.narrowed(place + 1 for place in places)
        return replace(self.with_short_names(), relation=relation, numbered=numbered)

    def with_notes_of(self, other: "Table") -> "Table":
        """The table, with what the report says of another reading of it."""
        return replace(self, warnings=other.warnings, first_version=other.first_version)

    def known_to_have_controls(self, has_controls: bool) -> "Table":
        """The table, of which it is known whether texts have control characters."""
        return replace(self, control_characters=lambda: has_controls)

    def same_reading(self, other: "Table") -> bool:
        """Whether both scan the same rows of one file in the same way."""
        relations = [each.original or each.relation for each in (self, other)]
        return relations[0] == relations[1] and self.first_row == other.first_row


def table_of_unmatched(table: Table) -> Table:
    """The rows whose lines did not match (`prefilter`), as a table like `table`."""
    assert table.lines is not None
    relation = table.lines.rows_of(table.lines.unmatched)
    return replace(
        table,
        relation=relation,
        numbered=f"(SELECT row_number() OVER () AS _row, NULL::BIGINT AS _line, * FROM {relation})",
        embedded=lambda: 0,
        lines=None,
        first_rows=(),
        last_first_cell=lambda: None,
        places=table.lines.places,
    )


class NotTabular(Exception):
    """The file holds no table; the text says what it is, `media_type` of which type, if it is
    another than its first bytes say."""

    def __init__(self, reason: str, media_type: str | None = None) -> None:
        super().__init__(reason)
        self.media_type = media_type


class SourceBroken(Exception):
    """The file cannot be read in its format: `reason` says why, `line` on which physical line of a
    text, if that is known. `code` is what the report calls it."""

    def __init__(self, reason: str, line: int | None = None, code: str = "source-error") -> None:
        super().__init__(reason if line is None else f"{reason}, in line {line:,}")
        self.reason = reason
        self.line = line
        self.code = code


class DialectUnsupported(Exception):
    """The contract's dialect states what the format of this file could obey and the reader cannot;
    the text says what."""


class TooLarge(Exception):
    """A part of the file passes a limit; the text says which, with the figure."""
