"""Open a file by its format: the one place that chooses a reader."""

from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from entrepot.inspection.context import (
    Detected,
    InspectionContext,
    OpenedTable,
    Reader,
    TableRequest,
)
from entrepot.inspection.detect.decompress import unpack
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.detect.formats import FORMATS
from entrepot.inspection.detect.signatures import PACKED
from entrepot.inspection.stated_dialect import applicable_request
from entrepot.inspection.table import NotTabular
from entrepot.schemas.table_dialect import parse_dialect

READERS: dict[str, Reader] = {row.kind: resolve_name(row.reader) for row in FORMATS.values()}
"""Loaded with this module, since the sandbox lets no module be loaded later."""


def open_table(
    detected: Detected, request: TableRequest, context: InspectionContext
) -> OpenedTable:
    """The file, ready to be read as a table, by what applies to its format of the dialect.

    Raises NotTabular for what no reader is for, DialectUnsupported, and where the reader sees it
    early SourceBroken and TooLarge; OSError when the scratch folder is full.
    """
    if detected.kind not in READERS:
        raise NotTabular(f"it is {detected.words}")
    return READERS[detected.kind](detected, applicable_request(detected.kind, request), context)


def open_content(
    path: Path,
    file_name: str,
    context: InspectionContext,
    dialect: dict[str, Any] | None = None,
    encoding: str | None = None,
    names: list[str] | None = None,
    freeze: bool = False,
) -> OpenedTable:
    """The table in a file that may be compressed. `dialect` is a Table Dialect, `names` are a
    contract's columns; `freeze` as in `TableRequest`. Raises as `open_table` and `unpack` do."""
    parsed = parse_dialect(dialect) if dialect is not None else None
    detected = detect(path, file_name, parsed, encoding)
    if detected.kind == PACKED:
        packed = unpack(path, file_name, context)
        path, file_name = packed.path, packed.file_name
        detected = detect(path, file_name, parsed, encoding)
    request = TableRequest(path, names, parsed, freeze, encoding)
    return open_table(detected, request, context)
