"""The formats that can be read, one row each. A new format is a module in `formats` and a row here.

A row names its reader as an object reference (`package.module:function`, as entry points do), so
that the pages can show titles without loading the engine. `open_table` resolves all of them when it
is imported, which is before the sandbox closes.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

INSPECTION = "entrepot.inspection"
OFFICE = "application/vnd.openxmlformats-officedocument"


def _is_arrow_stream(head: bytes) -> bool:
    """Whether an encapsulated message with a schema comes first (Arrow columnar format, "IPC").

    The stream format has no signature: a continuation mark, the length of the metadata, then
    a flatbuffer whose union says by the type 1 that it is a schema.
    """
    # The shortest schema takes more than 32 bytes.
    if not head.startswith(b"\xff\xff\xff\xff") or len(head) < 32:
        return False
    try:
        length, root = struct.unpack_from("<iI", head, 4)
        table = 8 + root
        (back,) = struct.unpack_from("<i", head, table)
        (size,) = struct.unpack_from("<H", head, table - back)
        (version_at, type_at) = struct.unpack_from("<HH", head, table - back + 4)
    except struct.error:
        return False
    # Loose bounds, to tell a schema from any other bytes: metadata below 256 MiB, a vtable of
    # Message (5 fields: 14 bytes) or a later version's longer one.
    if not 0 < length < 1 << 28 or not 8 <= size < 64 or not type_at or version_at > 64:
        return False
    return head[table + type_at : table + type_at + 1] == b"\x01"


@dataclass(frozen=True)
class FileFormat:
    """One format. `kind` names it in profiles, `media_type` is registered or usual (RFC 6838),
    `title` is its name on pages.

    A binary format is recognized by `starts` on the first bytes of a file, or by a file of that
    name within a zip archive (`archive_member`). `detect` decides which text a text is.
    """

    kind: str
    media_type: str
    title: str
    reader: str
    starts: Callable[[bytes], bool] | None = None
    archive_member: str | None = None


FORMATS: dict[str, FileFormat] = {
    row.kind: row
    for row in (
        FileFormat("csv", "text/csv", "delimited text (CSV)", f"{INSPECTION}.csv.reader:open_text"),
        FileFormat(
            "jsonl", "application/x-ndjson", "JSON Lines", f"{INSPECTION}.formats.json:open_json"
        ),
        FileFormat(
            "json", "application/json", "a JSON array", f"{INSPECTION}.formats.json:open_json"
        ),
        FileFormat(
            "json-objects",
            "application/json",
            "JSON objects in a row",
            f"{INSPECTION}.formats.json:open_json",
        ),
        FileFormat(
            "parquet",
            "application/vnd.apache.parquet",
            "Parquet",
            f"{INSPECTION}.formats.parquet:open_parquet",
            starts=lambda head: head.startswith(b"PAR1"),
        ),
        FileFormat(
            "arrow-file",
            "application/vnd.apache.arrow.file",
            "Arrow IPC file",
            f"{INSPECTION}.formats.arrow:open_arrow",
            starts=lambda head: head.startswith(b"ARROW1"),
        ),
        FileFormat(
            "arrow-stream",
            "application/vnd.apache.arrow.stream",
            "Arrow IPC stream",
            f"{INSPECTION}.formats.arrow:open_arrow",
            starts=_is_arrow_stream,
        ),
        FileFormat(
            "xlsx",
            f"{OFFICE}.spreadsheetml.sheet",
            "Excel workbook",
            f"{INSPECTION}.formats.xlsx:open_xlsx",
            archive_member="xl/workbook.xml",
        ),
    )
}
