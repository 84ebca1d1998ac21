"""How a delivery was read, in words: the profile's `file`, with keys that are not known yet too."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.http.web.files.contract import join_values, quote_value, short_text
from entrepot.http.web.formatting import exact_size, number, percent
from entrepot.inspection.detect.formats import FORMATS
from entrepot_client.counts import counted

MAX_PARTS = 10
"""Values of one detail; the others are counted."""
MAX_REASON_CHARS = 200
"""Of a reason for a dialect or a header, which is a sentence."""
LONG_CHARS = 60
"""Characters."""
SHOWN_ELSEWHERE = {"bytes", "mediaType", "warnings", "unsure"}
"""What other parts of the page show: the size, the version's media type, the report's warnings."""
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space", ":": "colon"}
WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+")
RECORD_KINDS = {
    "judged": "checked",
    "aboveHeader": "above the header",
    "header": "of the header",
    "comment": "comments",
    "skippedBlank": "blank",
    "footer": "of the footer",
}
"""What the records of each kind are."""
LABELS = {"newline": "Line ends", "tables": "Other tables", "outside": "Outside the table"}


@dataclass(frozen=True)
class FormatDetail:
    """One thing about how a file was read: what, and its values in words."""

    label: str
    texts: tuple[str, ...]

    @property
    def long(self) -> bool:
        """Whether it needs lines of its own."""
        return sum(map(len, self.texts)) > LONG_CHARS


def profile_details(profile: dict[str, Any]) -> list[FormatDetail]:
    """How a version was read, as its profile says."""
    return format_details(profile.get("file", {}))


def format_details(described: dict[str, Any]) -> list[FormatDetail]:
    """The profile's `file` in words, the long ones last; what is not known is shown as it is."""
    rest = {key: value for key, value in described.items() if key not in SHOWN_ELSEWHERE}
    details = []
    for keys, label, describe in GROUPS:
        values = {key: rest.pop(key) for key in keys if key in rest}
        if any(value not in (None, [], {}) for value in values.values()):
            details.append(FormatDetail(label, tuple(describe(values))))
    details += [
        FormatDetail(_label(key), _json_texts(value))
        for key, value in rest.items()
        if _has_content(value)
    ]
    return sorted((each for each in details if each.texts), key=lambda each: each.long)


def _format(values: dict[str, Any]) -> list[str]:
    form = str(values["format"])
    return [FORMATS[form].title if form in FORMATS else short_text(form)]


def _encoding(values: dict[str, Any]) -> list[str]:
    texts = [short_text(values["encoding"])] if values.get("encoding") else []
    if values.get("encodingConfidence") is not None and values["encodingConfidence"] < 1:
        texts.append(f"confidence {percent(values['encodingConfidence'], 1)}")
    if values.get("encodingAlternatives"):
        texts.append("or perhaps " + ", ".join(map(short_text, values["encodingAlternatives"])))
    if values.get("bom"):
        texts.append("with a byte order mark")
    if values.get("endMark"):
        texts.append("with an end-of-file mark (Ctrl-Z)")
    if values.get("undecodable"):
        texts.append(f"{counted(values['undecodable'], 'byte')} cannot be decoded")
    return texts


def _dialect(values: dict[str, Any]) -> list[str]:
    dialect = values["dialect"]
    if not isinstance(dialect, dict):
        return list(_json_texts(dialect))
    texts = []
    delimiter = dialect.get("delimiter")
    if delimiter:
        texts.append(f"delimiter: {NAMES.get(delimiter) or quote_value(delimiter)}")
    if dialect.get("quote"):
        texts.append(f"quote character: {quote_value(dialect['quote'])}")
    escape = dialect.get("escape")
    if escape:
        same = escape == dialect.get("quote")
        texts.append(
            "quotes within cells are doubled"
            if same
            else f"escape character: {quote_value(escape)}"
        )
    described = ("delimiter", "quote", "escape", "header", "doubled")
    return texts + [
        f"{_label(key).lower()}: {', '.join(_json_texts(value))}"
        for key, value in dialect.items()
        if key not in described and value
    ]


def _header(values: dict[str, Any]) -> list[str]:
    rows = values["headerRows"]
    return [f"row {_numbers(rows)}" if len(rows) == 1 else f"rows {_numbers(rows)}"]


def _range(values: dict[str, Any]) -> list[str]:
    texts = [quote_value(values["range"])] if values.get("range") else []
    if values.get("firstRow"):
        last = values.get("lastRow")
        end = f"row {number(last)}" if last else "the end"
        texts.append(f"from row {number(values['firstRow'])} to {end}")
    if values.get("lines") is not None:
        lines = "line" if values["lines"] == 1 else "lines"
        texts.append(f"{number(values['lines'])} {lines} in the file")
    return texts


def _confidence(values: dict[str, Any]) -> list[str]:
    texts = [percent(values["confidence"], 1)] if "confidence" in values else []
    reasons = (values.get("reasons") or [])[:MAX_PARTS]
    return texts + [short_text(reason, MAX_REASON_CHARS) for reason in reasons]


def _records(values: dict[str, Any]) -> list[str]:
    records = values["records"]
    if not isinstance(records, dict):
        return list(_json_texts(records))
    counts = {key: count for key, count in records.items() if key != "total" and count}
    parts = [f"{number(count)} {RECORD_KINDS.get(key, key)}" for key, count in counts.items()]
    if "total" in records and len(parts) != 1:
        parts.insert(0, f"{number(records['total'])} in total")
    return parts


def _sheet(values: dict[str, Any]) -> list[str]:
    texts = [quote_value(values["sheet"])] if "sheet" in values else []
    if values.get("sheetNumber"):
        texts.append(f"number {number(values['sheetNumber'])}")
    if values.get("dateSystem"):
        texts.append(f"dates count from {values['dateSystem']}")
    names = [short_text(each.get("name")) for each in values.get("otherSheets") or []]
    return [*texts, f"not read: {join_values(names)}"] if names else texts


def _packed(values: dict[str, Any]) -> list[str]:
    texts = [", ".join(_json_texts(values["compression"]))] if "compression" in values else []
    return [*texts, f"{exact_size(values['unpacked'])} unpacked"] if "unpacked" in values else texts


GROUPS: Sequence[tuple[tuple[str, ...], str, Callable[[dict[str, Any]], list[str]]]] = (
    (("format",), "Format", _format),
    (("compression", "unpacked"), "Compression", _packed),
    (
        ("encoding", "encodingConfidence", "encodingAlternatives", "bom", "endMark", "undecodable"),
        "Encoding",
        _encoding,
    ),
    (("dialect",), "Dialect", _dialect),
    (("sheet", "sheetNumber", "dateSystem", "otherSheets"), "Sheet", _sheet),
    (("headerRows",), "Header", _header),
    (("range", "firstRow", "lastRow", "lines"), "Table", _range),
    (("confidence", "reasons"), "Confidence", _confidence),
    (("records",), "Records", _records),
)
"""Keys that are shown in one line, its label, and how."""


def _label(key: str) -> str:
    text = LABELS.get(key) or WORD_BOUNDARY.sub(" ", str(key)).lower().strip() or "other"
    return short_text(text[:1].upper() + text[1:])


def _has_content(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _json_texts(value: Any) -> tuple[str, ...]:
    """Any JSON value in a few short words."""
    if isinstance(value, list):
        texts = tuple(" ".join(_json_texts(each)) for each in value[:MAX_PARTS])
        more = len(value) - MAX_PARTS
        return (*texts, f"and {more:,} more") if more > 0 else texts
    if isinstance(value, dict):
        return (_part(value),)
    if value is None or isinstance(value, bool):
        return ("none" if value is None else "yes" if value else "no",)
    return (number(value) if isinstance(value, int) else quote_value(value),)


def _part(value: dict[str, Any]) -> str:
    """Rows of the file and their text, or any object as its keys and values."""
    first, last, text = (value.get(key) for key in ("firstRow", "lastRow", "text"))
    first = first or value.get("row")
    if isinstance(first, int) and isinstance(text, str):
        rows = f"row {first:,}" if last in (None, first) else f"rows {first:,} to {last:,}"
        width = value.get("columns")
        columns = f", {counted(width, 'column')}" if isinstance(width, int) else ""
        return f"{rows}{columns}: {quote_value(text)}"
    pairs = list(value.items())[:MAX_PARTS]
    return ", ".join(f"{_label(key).lower()} {' '.join(_json_texts(each))}" for key, each in pairs)


def _numbers(rows: Sequence[int]) -> str:
    return ", ".join(number(row) for row in rows[:MAX_PARTS])
