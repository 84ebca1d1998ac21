"""How a delivery was read, in words: the profile's `file`, with keys that are not known yet too."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.http.web.figures import exact_size, number
from entrepot.http.web.files.contract import listed, plain, quoted
from entrepot.inspection.detect.formats import FORMATS

PARTS_SHOWN = 10
LONG = 60
"""Characters."""
SILENT = {"bytes", "mediaType", "warnings", "unsure"}
"""What other parts of the page show: the size, the version's media type, the report's warnings."""
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space", ":": "colon"}
WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+")
LABELS = {"newline": "Line ends", "tables": "Other tables", "outside": "Outside the table"}


@dataclass(frozen=True)
class ReadingLine:
    """One thing about how a file was read: what, and its values in words."""

    label: str
    said: tuple[str, ...]

    @property
    def long(self) -> bool:
        """Whether it needs lines of its own."""
        return sum(map(len, self.said)) > LONG


def readings(described: dict[str, Any]) -> list[ReadingLine]:
    """The profile's `file` in words, the long ones last; what is not known is shown as it is."""
    left = {key: value for key, value in described.items() if key not in SILENT}
    found = []
    for keys, label, say in KNOWN:
        given = {key: left.pop(key) for key in keys if key in left}
        if any(value not in (None, [], {}) for value in given.values()):
            found.append(ReadingLine(label, tuple(say(given))))
    found += [
        ReadingLine(_label(key), _said(value)) for key, value in left.items() if _matters(value)
    ]
    return sorted((each for each in found if each.said), key=lambda each: each.long)


def _format(given: dict[str, Any]) -> list[str]:
    form = str(given["format"])
    return [FORMATS[form].title if form in FORMATS else plain(form)]


def _encoding(given: dict[str, Any]) -> list[str]:
    said = [plain(given["encoding"])] if given.get("encoding") else []
    if given.get("encodingConfidence") is not None and given["encodingConfidence"] < 1:
        said.append(f"{_percent(given['encodingConfidence'])} sure")
    if given.get("encodingAlternatives"):
        said.append("else " + ", ".join(map(plain, given["encodingAlternatives"])))
    if given.get("bom"):
        said.append("with a byte order mark")
    if given.get("undecodable"):
        said.append(f"{number(given['undecodable'])} bytes cannot be decoded")
    return said


def _dialect(given: dict[str, Any]) -> list[str]:
    dialect = given["dialect"]
    if not isinstance(dialect, dict):
        return list(_said(dialect))
    said = []
    delimiter = dialect.get("delimiter")
    if delimiter:
        said.append(f"cells apart by {NAMES.get(delimiter) or quoted(delimiter)}")
    if dialect.get("quote"):
        said.append(f"quotes are {quoted(dialect['quote'])}")
    escape = dialect.get("escape")
    if escape:
        same = escape == dialect.get("quote")
        said.append("doubled within cells" if same else f"escapes are {quoted(escape)}")
    known = ("delimiter", "quote", "escape", "header", "doubled")
    return said + [
        f"{_label(key).lower()}: {', '.join(_said(value))}"
        for key, value in dialect.items()
        if key not in known and value
    ]


def _header(given: dict[str, Any]) -> list[str]:
    rows = given["headerRows"]
    return [f"row {_numbers(rows)}" if len(rows) == 1 else f"rows {_numbers(rows)}"]


def _range(given: dict[str, Any]) -> list[str]:
    said = [quoted(given["range"])] if given.get("range") else []
    if given.get("firstRow"):
        last = given.get("lastRow")
        end = f"row {number(last)}" if last else "the end"
        said.append(f"from row {number(given['firstRow'])} to {end}")
    if given.get("lines") is not None:
        said.append(f"{number(given['lines'])} line{'' if given['lines'] == 1 else 's'}")
    return said


def _sure(given: dict[str, Any]) -> list[str]:
    said = [f"{_percent(given['confidence'])} sure"] if "confidence" in given else []
    return said + [plain(reason) for reason in (given.get("reasons") or [])[:PARTS_SHOWN]]


def _sheet(given: dict[str, Any]) -> list[str]:
    said = [quoted(given["sheet"])] if "sheet" in given else []
    if given.get("sheetNumber"):
        said.append(f"number {number(given['sheetNumber'])}")
    if given.get("dateSystem"):
        said.append(f"dates count from {given['dateSystem']}")
    names = [plain(each.get("name")) for each in given.get("otherSheets") or []]
    return [*said, f"not read: {listed(names)}"] if names else said


def _packed(given: dict[str, Any]) -> list[str]:
    said = [", ".join(_said(given["compression"]))] if "compression" in given else []
    return [*said, f"{exact_size(given['unpacked'])} unpacked"] if "unpacked" in given else said


KNOWN: Sequence[tuple[tuple[str, ...], str, Callable[[dict[str, Any]], list[str]]]] = (
    (("format",), "Format", _format),
    (("compression", "unpacked"), "Compression", _packed),
    (
        ("encoding", "encodingConfidence", "encodingAlternatives", "bom", "undecodable"),
        "Encoding",
        _encoding,
    ),
    (("dialect",), "Dialect", _dialect),
    (("sheet", "sheetNumber", "dateSystem", "otherSheets"), "Sheet", _sheet),
    (("headerRows",), "Header", _header),
    (("range", "firstRow", "lastRow", "lines"), "Table", _range),
    (("confidence", "reasons"), "How sure", _sure),
)
"""Keys that are told in one line, its label, and how."""


def _label(key: str) -> str:
    text = LABELS.get(key) or WORDS.sub(" ", str(key)).lower().strip() or "other"
    return plain(text[:1].upper() + text[1:])


def _matters(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _said(value: Any) -> tuple[str, ...]:
    """Any JSON value in a few short words."""
    if isinstance(value, list):
        shown = tuple(" ".join(_said(each)) for each in value[:PARTS_SHOWN])
        more = len(value) - PARTS_SHOWN
        return (*shown, f"and {more:,} more") if more > 0 else shown
    if isinstance(value, dict):
        return (_part(value),)
    if value is None or isinstance(value, bool):
        return ("none" if value is None else "yes" if value else "no",)
    return (number(value) if isinstance(value, int) else quoted(value),)


def _part(value: dict[str, Any]) -> str:
    """Rows of the file and their text, or any object as its keys and values."""
    first, last, text = (value.get(key) for key in ("firstRow", "lastRow", "text"))
    first = first or value.get("row")
    if isinstance(first, int) and isinstance(text, str):
        rows = f"row {first:,}" if last in (None, first) else f"rows {first:,} to {last:,}"
        columns = f", {value['columns']:,} columns" if isinstance(value.get("columns"), int) else ""
        return f"{rows}{columns}: {quoted(text)}"
    pairs = list(value.items())[:PARTS_SHOWN]
    return ", ".join(f"{_label(key).lower()} {' '.join(_said(each))}" for key, each in pairs)


def _numbers(rows: Sequence[int]) -> str:
    return ", ".join(number(row) for row in rows[:PARTS_SHOWN])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
