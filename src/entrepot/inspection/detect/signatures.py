"""Recognize what is not a text: formats with a signature, tables or not, and how to name them.

Our own short list rather than a library: the kept ones tell a thousand formats by two or three
bytes each, so that texts are taken for images; the formats here have long signatures and are
what people do deliver in place of a table.
"""

import zipfile
from pathlib import Path

from entrepot.inspection.detect.decompress import compression_of
from entrepot.inspection.detect.formats import FORMATS, OFFICE
from entrepot.inspection.detect.zip_errors import DAMAGED, is_of_archive
from entrepot_client.counts import counted

PACKED, OTHER = "packed", "other"
"""Kinds that no format has: compressed as a whole (what is in it is detected again), and what is
not read as a table."""

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
    "application/x-ole-storage": "an OLE file, as Office programs wrote until 2007; .xlsx is read",
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


def match_signature(head: bytes, path: Path) -> tuple[str, str, str] | None:
    """Kind, media type (RFC 6838) and words for what starts with `head`; None: maybe a text.

    The archive or the tail of `path` is looked at only where the signature asks for it.
    """
    packed = compression_of(head)
    if packed:
        return PACKED, f"application/{packed}", f"{packed} data"
    for row in FORMATS.values():
        if row.starts is not None and row.starts(head):
            return row.kind, row.media_type, row.title
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    media_type = _by_magic(head)
    if media_type is None:
        return None
    if media_type == "application/x-ole-storage":
        media_type = next((kind for name, kind in OLE if _stream_name(name) in head), media_type)
    return OTHER, media_type, words_for(media_type)


def words_for(media_type: str) -> str:
    """What a person calls a file of this media type."""
    words = WORDS.get(media_type)
    return f"{words} ({media_type})" if words else media_type


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
    # The last four bytes of the DOS header say where that of Windows begins (PE format).
    return head.startswith(b"PE\0\0", int.from_bytes(head[60:64], "little"))


def _stream_name(name: str) -> bytes:
    """A name as the directory of an OLE compound file has it, its end included."""
    return name.encode("utf-16-le") + (b"\0\0" if "_" not in name else b"")


def _archive(path: Path) -> tuple[str, str, str]:
    """What a zip archive is, by the names of its members."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            kind = ""
            if names[:1] == ["mimetype"] and archive.infolist()[0].file_size < 200:
                kind = archive.read("mimetype").decode("ascii").strip()
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and not is_of_archive(error):
            raise
        media_type = "application/zip"
        return OTHER, media_type, f"a damaged zip archive ({media_type})"
    if kind.startswith("application/") and len(kind) < 100:
        return OTHER, kind, words_for(kind)
    low = {name.lower().replace("\\", "/").lstrip("/") for name in names}
    for row in FORMATS.values():
        member = row.archive_member
        if member and any(name.endswith(member) for name in low):
            return row.kind, row.media_type, row.title
    for member, media_type in ZIPPED:
        if member in low:
            return OTHER, media_type, words_for(media_type)
    listed = f"a zip archive of {counted(len(names), 'file')}"
    return OTHER, "application/zip", f"{listed} (application/zip)"
