"""Files that nobody would send: the corpus and each format, damaged, rewritten and packed.

The same number always gives the same bytes, so that a failure is found again by its number.
"""

import gzip
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import polars

from entrepot.inspection.detect.code_pages import codec_names
from entrepot.inspection.sql import literal

HERE = Path(__file__).parent
MAX_SEED_BYTES = 20_000
"""Of a file that is damaged: larger ones show nothing more, and take longer."""
CODECS = (*codec_names(), "utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-7", "iso2022_jp")
MARKS = (
    b"\0", b"\n", b"\r", b"\r\n", b'"', b"'", b",", b";", b"\t", b"|", b"\\", b"{", b"[", b"]}",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1a", b"\x80", b"\xed\xa0\x80", b"\xc0\x80",
    b"#", b"sep=,\n", b"-1", b"1e999", b"NaN", b"\x1b$B", b"\xf4\x90\x80\x80", b"PAR1", b"9" * 60,
)  # fmt: skip
"""Bytes that mean something to one reader or another."""
SCHEMAS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]},
    {"fields": [{"name": "a", "type": "date"}], "fieldsMatch": "subset", "primaryKey": "a"},
    {"fields": [{"name": "id", "type": "number", "groupChar": ","}, {"name": "x", "type": "any"}]},
)


@cache
def seeds() -> tuple[bytes, ...]:
    """The small files of the corpus and the cases, and one of each format that is not text."""
    inputs = [
        path.read_bytes()[:MAX_SEED_BYTES]
        for folder in ("corpus", "cases")
        for path in sorted((HERE / folder).rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".md", ".pyc")
    ]
    return (*inputs, *_typed())


def _typed() -> list[bytes]:
    """One table in each format that stores types, repeated so that it is not rare among texts."""
    frame = polars.DataFrame(
        {"id": [1, 2, 3], "name": ["x", "größe", None], "d": [0.5, None, 1e9], "l": [[1], [], [2]]}
    )
    made = []
    for write in (frame.write_ipc, frame.write_ipc_stream):
        for compression in ("uncompressed", "zstd", "lz4"):
            out = io.BytesIO()
            write(out, compression=compression)
            made.append(out.getvalue())
    with duckdb.connect() as engine, tempfile.TemporaryDirectory() as folder:
        for codec in ("zstd", "snappy", "uncompressed"):
            out_path = Path(folder, codec)
            query = "SELECT i AS id, 'n' || i AS name, i / 3 AS d, [i] AS l FROM range(20) t(i)"
            options = f"(FORMAT parquet, COMPRESSION {codec})"
            engine.execute(f"COPY ({query}) TO {literal(str(out_path))} {options}")
            made.append(out_path.read_bytes())
    book = openpyxl.Workbook()
    for row in (["id", "name", "day"], [1, "20 °C", "2024-03-01"], [2, None, 3.5]):
        book.active.append(row)  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    made.append(out.getvalue())
    rows: list[dict[str, Any]] = [{"id": 1, "name": "x", "deep": {"a": [1]}}, {"id": 2.5}]
    made += [json.dumps(rows).encode(), "".join(json.dumps(row) + "\n" for row in rows).encode()]
    return made * 10


def fuzzed(number: int) -> tuple[bytes, dict[str, Any] | None, str]:
    """The bytes of a number, the schema to inspect them by (or None) and the mode."""
    chance = random.Random(number)
    data = chance.choice(SOURCES)(chance)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        data = chance.choice(CHANGES)(data, chance)
    if chance.random() < 0.1:
        data = chance.choice(PACKERS)(data, chance)
        if chance.random() < 0.5:
            data = chance.choice(CHANGES)(data, chance)
    schema = chance.choice(SCHEMAS)
    mode = "given" if schema is not None else chance.choice(("infer", "infer", "none"))
    return data, schema, mode


def _of_corpus(chance: random.Random) -> bytes:
    return chance.choice(seeds())


def _recoded(chance: random.Random) -> bytes:
    """A text of the corpus in any code page."""
    text = chance.choice(seeds()).decode("utf-8", "replace").replace("\ufffd", "ø")
    return text.encode(chance.choice(CODECS), chance.choice(("ignore", "replace")))


def _of_bytes(chance: random.Random) -> bytes:
    """Bytes at random, of all or of a few kinds."""
    kinds = bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 5, 40, 256))))
    return bytes(chance.choices(kinds, k=chance.choice((0, 1, 2, 7, 100, 3_000))))


def _of_marks(chance: random.Random) -> bytes:
    """Marks and short cells in any order."""
    parts: Sequence[bytes] = (*MARKS, b"a", b"1", b"id,name\n", b" ", b"\xe9", b"2024-01-01")
    return b"".join(chance.choices(parts, k=chance.randrange(40)))


def _of_letters(chance: random.Random) -> bytes:
    """A table of letters beyond ASCII, in a code page that has some of them."""
    first = chance.choice((0xC0, 0x100, 0x370, 0x410, 0x5D0, 0x621, 0xE01, 0x3041, 0x4E00, 0xAC00))
    words = (
        "".join(chr(first + chance.randrange(40)) for _ in range(chance.randrange(1, 8)))
        for _ in range(chance.randrange(1, 30))
    )
    text = "id,name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words))
    return text.encode(chance.choice(CODECS), "ignore")


def _flip(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20)) if made else 0):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(MARKS) * chance.choice((1, 1, 2, 30)) + data[at:]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _cut_out(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[last:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first:last] * chance.choice((1, 2)) + data[last:]


def _splice(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(seeds())
    return _cut(data, chance) + other[chance.randrange(len(other) + 1) :]


def _fill(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + bytes((chance.randrange(256),)) * chance.randrange(500) + data[at:]


def _gzip(data: bytes, _: random.Random) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _zip(data: bytes, chance: random.Random) -> bytes:
    out = io.BytesIO()
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(out, "w", kind) as archive:
        archive.writestr(chance.choice(("t.csv", "xl/workbook.xml", "größe")), data)
    return out.getvalue()


def _twice(data: bytes, chance: random.Random) -> bytes:
    return _gzip(_gzip(data, chance), chance) + chance.choice((b"", _gzip(data, chance)))


Change = Callable[[bytes, random.Random], bytes]
SOURCES: tuple[Callable[[random.Random], bytes], ...] = (
    _of_corpus, _of_corpus, _recoded, _recoded, _of_bytes, _of_marks, _of_letters,
)  # fmt: skip
CHANGES: tuple[Change, ...] = (_flip, _insert, _cut, _cut_out, _repeat, _splice, _fill)
PACKERS: tuple[Change, ...] = (_gzip, _zip, _twice)
