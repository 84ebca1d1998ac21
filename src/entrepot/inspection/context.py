"""What an inspection works with, and what a reader is asked for and returns.

`open_table` finds the reader of a file. The reader gets a `TableRequest` and the
`InspectionContext`, and returns an `OpenedTable`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.record_counts import RecordCounts, only_judged
from entrepot.inspection.table import Table
from entrepot.schemas.table_dialect import TableDialect


@dataclass(frozen=True)
class InspectionContext:
    """The engine, the folder for temporary files, the limits and the progress of one inspection.

    They belong together: the engine may write to `scratch` alone and has its part of `limits`.
    """

    engine: duckdb.DuckDBPyConnection
    scratch: Path
    limits: Limits
    progress: Progress


@dataclass(frozen=True)
class Detected:
    """The kind that decides on the reader, the media type (RFC 6838), and what a person calls
    such a file."""

    kind: str
    media_type: str
    words: str = ""


@dataclass(frozen=True)
class TableRequest:
    """The file at `path` is to be read as a table. `names` are the columns of a contract, which
    tell the header from the rows; `dialect` are the parts of a dialect that need no detection,
    `encoding` is the encoding if that needs none. `freeze`: how the file is read is to become a
    contract. `by_ends`: a long text may be opened by its first and its last part, since its scan in
    place proves what is between them."""

    path: Path
    names: list[str] | None = None
    dialect: TableDialect | None = None
    freeze: bool = False
    encoding: str | None = None
    by_ends: bool = False

    @property
    def bound(self) -> bool:
        """Whether the file is read by a contract, or by what is to become one."""
        return self.names is not None or self.freeze


@dataclass(frozen=True)
class OpenedTable:
    """A file of a known format, ready to be read.

    `read` reads it the careful way: every row has its number and its line. It may raise
    NotTabular, SourceBroken and TooLarge. `scan_in_place` reads the file's own bytes faster, if
    they look regular enough (else None); such a scan may fail, or lose rows. Whoever used it calls
    `count_lines` with the rows and the line ends within cells that it counted, and gets the lines
    of the file, or None if that scan lost some. `locate_errors` adds lines and byte offsets to
    errors of a report, in place. `count_records` tells what each record was taken for, given the
    rows that were judged. `under_contract`, if set, is the same file opened under a contract with
    these names and this dialect: formats that are tables by themselves are read alike.
    `open_whole` opens a file again that was opened by its ends, and was not proven to be like them;
    it returns None for any other.
    `write_canonical`, if set, writes canonical CSV better than a table can, since it keeps surplus
    cells; it returns how the file was read. If a count of columns is given, the others are not
    columns of the version.
    """

    read: Callable[[], Table]
    scan_in_place: Callable[[], Table | None] = lambda: None
    count_lines: Callable[[int, int | None], int | None] = lambda rows, embedded: None
    locate_errors: Callable[[list[dict[str, Any]]], None] = lambda errors: None
    under_contract: Callable[[list[str], TableDialect | None], "OpenedTable"] | None = None
    count_records: Callable[[int], RecordCounts] = only_judged
    open_whole: Callable[[], "OpenedTable | None"] = lambda: None
    write_canonical: Callable[[Path, int | None], object] | None = None


Reader = Callable[[Detected, TableRequest, InspectionContext], OpenedTable]
"""Opens a file of the kind that was detected; may raise what `OpenedTable.read` raises."""
