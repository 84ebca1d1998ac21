"""Recognize what is no text: formats with a signature, tables or not, and how to name them.

Our own short list rather than a library: the kept ones tell a thousand formats by two or three
bytes each, so that texts are taken for images; the formats here have long signatures and are
what people do deliver in place of a table.
"""

import errno
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Literal

from entrepot.inspection.detect.decompress import compression_of

BinaryKind = Literal["parquet", "arrow-file", "arrow-stream", "xlsx", "packed", "other"]

OFFICE = "application/vnd.openxmlformats-officedocument"
XLSX = f"{OFFICE}.spreadsheetml.sheet"
OPEN = "application/vnd.oasis.opendocument"

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/matroska"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x04\x22\x4d\x18", "application/x-lz4"),
    (0, b"\xff\x06\0\0sNaPpY", "application/x-snappy-framed"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (8, b"DUCK", "application/vnd.duckdb"),
    (0, b"PARE", "application/vnd.apache.parquet"),
    (0, b"FEA1", "application/x-feather-v1"),
    (0, b"ORC", "application/vnd.apache.orc"),
    (0, b"Obj\x01", "application/vnd.apache.avro"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"CDF\x01", "application/x-netcdf"),
    (0, b"CDF\x02", "application/x-netcdf"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"<stata_dta>", "application/x-stata-dta"),
    (0, b"$FL2@(#)", "application/x-spss-sav"),
    (0, b"$FL3@(#)", "application/x-spss-sav"),
    (0, b"RDX2\n", "application/x-r-data"),
    (0, b"RDX3\n", "application/x-r-data"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (4, b"Standard Jet DB", "application/vnd.ms-access"),
    (4, b"Standard ACE DB", "application/vnd.ms-access"),
    (0, b"\0asm", "application/wasm"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
)
"""Offset, signature, media type."""

SAS = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
ZIPPED: tuple[tuple[str, str], ...] = (
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    ("word/document.xml", f"{OFFICE}.wordprocessingml.document"),
    ("ppt/presentation.xml", f"{OFFICE}.presentationml.presentation"),
    ("meta-inf/manifest.mf", "application/java-archive"),
    ("doc.kml", "application/vnd.google-earth.kmz"),
)
"""A member that tells what kind of zip archive it is in."""

OLE: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", "application/x-encrypted-ooxml"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
)
"""A stream that tells what an OLE compound file holds."""

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(NotImplementedError, RuntimeError),
)
"""What zipfile raises on archives that are damaged, encrypted or packed in another way."""

WORDS: dict[str, str] = {
    "application/pdf": "a PDF document",
    "application/gzip": "gzip data",
    "application/zstd": "Zstandard data",
    "application/x-bzip2": "bzip2 data; .gz and .zst are unpacked",
    "application/x-xz": "xz data; .gz and .zst are unpacked",
    "application/x-lz4": "lz4 data; .gz and .zst are unpacked",
    "application/x-7z-compressed": "a 7-Zip archive",
    "application/vnd.rar": "a RAR archive",
    "application/x-tar": "a tar archive",
    "application/vnd.sqlite3": "an SQLite database",
    "application/vnd.duckdb": "a DuckDB database",
    "application/vnd.ms-access": "an Access database",
    "application/vnd.ms-excel": "an Excel workbook of the old kind (.xls); .xlsx is read",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": (
        "a binary Excel workbook (.xlsb); .xlsx is read"
    ),
    "application/x-encrypted-ooxml": "an Office document that is locked by a password",
    f"{OFFICE}.wordprocessingml.document": "a Word document",
    f"{OFFICE}.presentationml.presentation": "a PowerPoint presentation",
    f"{OPEN}.spreadsheet": "an OpenDocument spreadsheet (.ods); .xlsx is read",
    f"{OPEN}.text": "an OpenDocument text",
    "application/vnd.apache.parquet": "Parquet with an encrypted footer",
    "application/x-feather-v1": "a Feather file of version 1; version 2 (Arrow IPC) is read",
    "application/vnd.apache.orc": "an ORC file",
    "application/vnd.apache.avro": "an Avro file",
    "application/x-sas-data": "a SAS data set",
    "application/x-stata-dta": "a Stata data set",
    "application/x-spss-sav": "an SPSS data set",
    "application/x-executable": "a program",
    "text/html": "an HTML page",
    "application/xml": "XML",
    "text/calendar": "a calendar (iCalendar)",
    "text/vcard": "address cards (vCard)",
    "application/x-pem-file": "keys or certificates (PEM)",
    "application/json": "JSON, but no array of objects",
    "text/plain": "plain text",
    "application/octet-stream": "binary data of no known kind",
}


def match_signature(head: bytes, path: Path) -> tuple[BinaryKind, str, str] | None:  # noqa: PLR0911
    """Kind, media type (RFC 6838) and words for what starts with `head`; None: maybe a text.

    The archive or the tail of `path` is looked at only where the signature asks for it.
    """
    packed = compression_of(head)
    if packed:
        return "packed", f"application/{packed}", f"{packed} data"
    if head.startswith(b"PAR1"):
        return "parquet", "application/vnd.apache.parquet", "Parquet"
    if head.startswith(b"ARROW1"):
        return "arrow-file", "application/vnd.apache.arrow.file", "an Arrow file"
    if _is_arrow_stream(head):
        return "arrow-stream", "application/vnd.apache.arrow.stream", "an Arrow stream"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    media_type = _by_magic(head)
    if media_type is None:
        return None
    if media_type == "application/x-ole-storage":
        media_type = next((kind for name, kind in OLE if _stream_name(name) in head), media_type)
    return "other", media_type, words_for(media_type)


def words_for(media_type: str) -> str:
    """What a person calls a file of this media type."""
    said = WORDS.get(media_type)
    return f"{said} ({media_type})" if said else media_type


def _by_magic(head: bytes) -> str | None:
    for offset, magic, media_type in MAGIC:
        if head.startswith(magic, offset):
            return media_type
    if head.startswith(SAS):
        return "application/x-sas-data"
    return "application/x-executable" if _is_windows_program(head) else None


def _is_windows_program(head: bytes) -> bool:
    if not head.startswith(b"MZ") or len(head) < 64:
        return False
    return head.startswith(b"PE\0\0", int.from_bytes(head[60:64], "little"))


def _stream_name(name: str) -> bytes:
    """A name as the directory of an OLE compound file has it, its end included."""
    return name.encode("utf-16-le") + (b"\0\0" if "_" not in name else b"")


def _is_arrow_stream(head: bytes) -> bool:
    """Whether an encapsulated message with a schema comes first (Arrow columnar format, "IPC").

    The stream format has no signature: a continuation mark, the length of the metadata, then
    a flatbuffer whose union says by the type 1 that it is a schema.
    """
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
    if not 0 < length < 1 << 28 or not 8 <= size < 64 or not type_at or version_at > 64:
        return False
    return head[table + type_at : table + type_at + 1] == b"\x01"


def is_outside(error: OSError) -> bool:
    """Whether a place was sought that no file can have, since a damaged archive names one."""
    return error.errno == errno.EINVAL


def _archive(path: Path) -> tuple[BinaryKind, str, str]:
    """What a zip archive is, by the names of its members."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            kind = ""
            if names[:1] == ["mimetype"] and archive.infolist()[0].file_size < 200:
                kind = archive.read("mimetype").decode("ascii").strip()
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and not is_outside(error):
            raise
        media_type = "application/zip"
        return "other", media_type, f"a damaged zip archive ({media_type})"
    if kind.startswith("application/") and len(kind) < 100:
        return "other", kind, words_for(kind)
    low = {name.lower().replace("\\", "/").lstrip("/") for name in names}
    if any(name.endswith("xl/workbook.xml") for name in low):
        return "xlsx", XLSX, "an Excel workbook"
    for member, media_type in ZIPPED:
        if member in low:
            return "other", media_type, words_for(media_type)
    listed = f"a zip archive of {len(names):,} file{'' if len(names) == 1 else 's'}"
    return "other", "application/zip", f"{listed} (application/zip)"
