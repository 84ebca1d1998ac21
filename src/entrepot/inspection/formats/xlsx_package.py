"""The parts of an Excel workbook (ECMA-376) around its cells: package, sheets, styles, texts.

Read with the standard library's zip and expat in bounded memory, because the packages for
`.xlsx` hold a sheet as one rectangle: two cells in its corners are 17 billion. Before a part
is read its declared size is judged; zipfile gives no byte more. A document type is refused:
no workbook has one, and entities are how XML bursts.
"""

import mmap
import os
import posixpath
import re
import zipfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from entrepot.inspection.detect.zip_errors import DAMAGED, is_of_archive
from entrepot.inspection.formats.xlsx_dates import TimeKind, kind_of_format
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import NotTabular, SourceBroken, TooLarge
from entrepot_client.counts import counted

MAX_MEMBERS = 10_000
"""Parts of a package: a workbook has a few dozen, and a part for each sheet and image."""
PIECE_BYTES = 64 * 1024
"""Of a part, parsed at a time."""
MAX_CACHED_TEXTS, MAX_CACHED_CHARS = 50_000, 200
"""Shared texts that are kept in memory, and their length: at most 10 million characters. The others
are read from the scratch folder each time."""
MAX_NAMES = 1_000
"""Names of XML elements whose namespace is looked at once: the format has some dozens, and a
hostile part may have any number."""
MAX_TAG_BYTES = 1 << 20
"""Of a tag or a comment: the parser reads one that is not complete again with each piece, and no
attribute of a workbook is longer than some thousand characters (ECMA-376: a format has 255)."""
MAX_NAMESPACE_CHARS = 1_000
"""The parser writes it before each name in it: one of 20,000 characters makes 40 kB of elements 400
MB. Those of the format have 67."""
SEPARATOR = " "
"""Between a namespace and a name; no namespace holds one."""
NAMESPACES = frozenset(
    {
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://purl.oclc.org/ooxml/spreadsheetml/main",
        "http://schemas.openxmlformats.org/package/2006/relationships",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    }
)
"""Of workbooks and their relations: the usual form (ECMA-376, transitional), and the strict one
(ISO/IEC 29500-1)."""
END_MARK, END_BYTES = b"PK\x05\x06", 22
"""How the last record of a zip archive begins, and its length without its comment."""
ESCAPED = re.compile(
    r"_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_|_x([0-9A-Fa-f]{4})_"
)

BROKEN = (*DAMAGED, KeyError)


@dataclass(frozen=True)
class Sheet:
    """One worksheet; `part` is its member of the package, `number` its place from 1."""

    name: str
    number: int
    part: str
    hidden: bool


@dataclass(frozen=True)
class Workbook:
    """`formats` has, for each style of cells, the kind of moment that its format shows."""

    sheets: tuple[Sheet, ...]
    formats: tuple[TimeKind | None, ...]
    from_1904: bool
    strings: "Strings"


class Strings:
    """The texts that cells share, kept in a file: a workbook may have a gigabyte of them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._ends = array("Q", [0])
        self._map: mmap.mmap | None = None
        self._cache: dict[int, str] = {}

    def add(self, text: str) -> None:
        """Keep `text` under the next number. Raises OSError when the scratch folder is full."""
        raw = text.encode("utf-8", "replace")
        self._file.write(raw)
        self._ends.append(self._ends[-1] + len(raw))

    def size(self, number: int) -> int:
        """The bytes of the text of that number, from 0. Raises SourceBroken."""
        if not 0 <= number < len(self._ends) - 1:
            raise SourceBroken(f"a cell has the shared text {number:,}, which does not exist")
        return self._ends[number + 1] - self._ends[number]

    def get_short(self, number: int) -> str | None:
        """The text of that number, None if it is too long to be kept for many cells at a time.
        Raises SourceBroken."""
        text = self._cache.get(number)
        if text is None and self.size(number) < MAX_CACHED_CHARS:
            return self.get(number)
        return text

    def get(self, number: int) -> str:
        """The text of that number. Raises SourceBroken."""
        text = self._cache.get(number)
        if text is not None:
            return text
        self.size(number)
        start, end = self._ends[number], self._ends[number + 1]
        if self._map is None and self._ends[-1]:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        text = self._map[start:end].decode("utf-8") if self._map and end > start else ""
        if len(self._cache) < MAX_CACHED_TEXTS and end - start < MAX_CACHED_CHARS:
            self._cache[number] = text
        return text


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The package at `path`, judged by what it declares. Raises SourceBroken, TooLarge."""
    stored = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            if len(parts) > MAX_MEMBERS:
                raise TooLarge(
                    f"a workbook of {counted(len(parts), 'part')}; {MAX_MEMBERS:,} are read"
                )
            size = sum(part.file_size for part in parts)
            bomb = size > limits.free_expansion and size > limits.expansion * stored
            if size > limits.unpacked or bomb:
                raise TooLarge(
                    f"a workbook of {counted(stored, 'byte')} that unpacks to {size:,}; "
                    f"{counted(limits.unpacked, 'byte')}, and beyond {limits.free_expansion:,} "
                    f"{limits.expansion:,} times the size, are the limits"
                )
            _check_extent(path, package)
            yield package
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and not is_of_archive(error):
            raise
        raise SourceBroken(f"the workbook is damaged ({str(error)[:200]})") from None


def _check_extent(path: Path, package: zipfile.ZipFile) -> None:
    """Check that the file is one package, each of its parts once: others would be parts that nobody
    reads. Raises SourceBroken, OSError."""
    parts = [_plain(name) for name in package.namelist()]
    twice = next((part for part, count in Counter(parts).items() if count > 1), None)
    if twice is not None:
        raise SourceBroken(f"its part {twice} is in the workbook twice")
    begin = min((part.header_offset for part in package.infolist()), default=0)
    if begin:
        raise SourceBroken(f"{counted(begin, 'byte')} of other data before the workbook")
    length = END_BYTES + len(package.comment)
    with path.open("rb") as file:
        file.seek(-length, os.SEEK_END)
        if not file.read(len(END_MARK)) == END_MARK:
            raise SourceBroken("other data follows the end of the workbook")


def read_workbook(package: zipfile.ZipFile, scratch: Path, limits: Limits) -> Workbook:
    """Everything but the cells. Raises SourceBroken, TooLarge, NotTabular."""
    parts = {_plain(name): name for name in package.namelist()}
    main = next((name for name in sorted(parts) if name.endswith("xl/workbook.xml")), None)
    if main is None:
        raise NotTabular("it is a workbook without a list of its sheets")
    folder = posixpath.dirname(main)
    related = _relations(package, parts, f"{folder}/_rels/workbook.xml.rels", folder)
    listed: list[tuple[str, str, bool]] = []
    from_1904, names = False, LocalNames()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal from_1904
        if tag == "workbookPr":
            from_1904 = attributes.get("date1904") in ("1", "true", "on")
        elif tag == "sheet":
            name, state = attributes.get("name", ""), attributes.get("state", "visible")
            named = {names[name]: value for name, value in attributes.items()}
            relation = named.get("id", "")
            listed.append((name, relation, state != "visible"))

    _parse(package, parts[main], start)
    sheets = []
    for number, (name, relation, hidden) in enumerate(listed, start=1):
        kind, target = related.get(relation, ("", ""))
        if kind == "worksheet" and target in parts:
            sheets.append(Sheet(name, number, parts[target], hidden))
    by_kind = {kind: parts[target] for kind, target in related.values() if target in parts}
    formats = _formats(package, by_kind["styles"]) if "styles" in by_kind else ()
    strings = Strings(scratch / "strings")
    if "sharedStrings" in by_kind:
        _read_strings(package, by_kind["sharedStrings"], strings, limits)
    return Workbook(tuple(sheets), formats, from_1904, strings)


class LocalNames(dict[str, str]):
    """The names of elements and attributes without their namespace; "" of those that are in none
    of the format's namespaces: extensions may repeat any name."""

    def __missing__(self, name: str) -> str:
        namespace, _, local = name.rpartition(SEPARATOR)
        known = local if namespace in NAMESPACES else ""
        if len(self) < MAX_NAMES:
            self[name] = known
        return known


def new_parser(part: str) -> expat.XMLParserType:
    """A parser that puts an element's namespace before its name and refuses document types."""
    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise SourceBroken(f"its part {part} declares a document type, which no workbook has")

    def bound(prefix: str | None, namespace: str | None) -> None:
        if len(namespace or "") > MAX_NAMESPACE_CHARS:
            raise TooLarge(
                f"a namespace of {counted(len(namespace or ''), 'character')} in {part}; "
                f"{MAX_NAMESPACE_CHARS:,} are read"
            )

    parser.StartDoctypeDeclHandler = refuse
    parser.StartNamespaceDeclHandler = bound
    return parser


def parse_in_pieces(
    package: zipfile.ZipFile, part: str, parser: expat.XMLParserType
) -> Iterator[None]:
    """Feed one part to `parser`, and stop after each piece. Raises SourceBroken."""
    with package.open(part) as source:
        try:
            fed = 0
            while piece := source.read(PIECE_BYTES):
                parser.Parse(piece, False)
                fed += len(piece)
                if fed - parser.CurrentByteIndex > MAX_TAG_BYTES + PIECE_BYTES:
                    raise TooLarge(f"a tag of more than {MAX_TAG_BYTES:,} bytes in {part}")
                yield
            parser.Parse(b"", True)
        except (expat.ExpatError, UnicodeError, LookupError) as error:
            raise SourceBroken(f"its part {part} is malformed XML ({str(error)[:100]})") from None


def _parse(
    package: zipfile.ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Read one part of XML; the names that `start` and `end` get have no namespace."""
    names = LocalNames()
    parser = new_parser(part)
    parser.StartElementHandler = lambda name, attributes: start(names[name], attributes)
    if end:
        parser.EndElementHandler = lambda name: end(names[name])
    parser.CharacterDataHandler = text
    for _ in parse_in_pieces(package, part, parser):
        pass


def unescaped(text: str) -> str:
    """`text`, the whole of one element, with what Excel writes for characters that XML lacks
    (`_x000D_`) put back."""
    if "_x" not in text:
        return text
    return ESCAPED.sub(_character, text)


def _character(match: "re.Match[str]") -> str:
    """The character of an escape: a code unit of UTF-16, or two of them for one beyond U+FFFF. Half
    of a character stays as it is written."""
    units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in match.groups() if unit)
    try:
        return units.decode("utf-16-be")
    except UnicodeDecodeError:
        return match[0]


def _plain(name: str) -> str:
    """A member's name as parts are compared: some writers use backslashes or capitals."""
    return name.replace("\\", "/").lstrip("/").lower()


def _relations(
    package: zipfile.ZipFile, parts: dict[str, str], name: str, folder: str
) -> dict[str, tuple[str, str]]:
    """Each relation's kind and target, by its id."""
    relations: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            path = target if target.startswith("/") else f"{folder}/{target}"
            kind = attributes.get("Type", "").rpartition("/")[2]
            relations[attributes.get("Id", "")] = (kind, _plain(posixpath.normpath(path)))

    if name in parts:
        _parse(package, parts[name], start)
    return relations


def _formats(package: zipfile.ZipFile, part: str) -> tuple[TimeKind | None, ...]:
    codes: dict[int, str] = {}
    kinds: list[TimeKind | None] = []
    known: dict[int, TimeKind | None] = {}
    inside = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if tag == "numFmt":
            codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
            known.clear()
        elif tag in ("cellXfs", "cellStyleXfs"):
            inside = tag == "cellXfs"
        elif tag == "xf" and inside:
            number = _number(attributes.get("numFmtId"))
            if number not in known:  # thousands of styles may share a long format
                known[number] = kind_of_format(number, codes.get(number))
            kinds.append(known[number])

    def end(tag: str) -> None:
        nonlocal inside
        inside = inside and tag != "cellXfs"

    _parse(package, part, start, end)
    return tuple(kinds)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _read_strings(package: zipfile.ZipFile, part: str, strings: Strings, limits: Limits) -> None:
    texts: list[str] = []
    pieces: list[str] = []
    size = count = 0
    in_text = phonetic = False

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal in_text, phonetic, size
        if tag == "si":
            texts.clear()
            size = 0
        elif tag == "rPh":
            phonetic = True
        elif tag == "t":
            in_text = not phonetic

    def end(tag: str) -> None:
        nonlocal in_text, phonetic, count
        if tag == "t":
            in_text = False
            texts.append(unescaped("".join(pieces)))
            pieces.clear()
        elif tag == "rPh":
            phonetic = False
        elif tag == "si":
            strings.add("".join(texts))
            count += 1
            if count > limits.cells:
                raise TooLarge(f"more than {counted(limits.cells, 'shared text')}")

    def text(piece: str) -> None:
        nonlocal size
        if in_text:
            pieces.append(piece)
            size += len(piece)
            if size > limits.line:
                raise TooLarge(f"a text of more than {counted(limits.line, 'character')}")

    _parse(package, part, start, end, text)
