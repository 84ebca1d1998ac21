"""Which property of a Table Dialect does what in which format: the one table of it.

A property that does not apply to the delivered format is ignored, as the standard demands, and the
report says so. One that applies but cannot be obeyed there rejects the delivery.

Source: Data Package v2, Table Dialect ("Tabular Data Formats"), for which property is of which
group of formats. `skipBlankRows` is of Frictionless 5, `entrepot:footer` is ours, and the encoding
is stated beside the dialect.
"""

from collections.abc import Sequence
from typing import Literal

from entrepot.schemas.table_dialect import TableDialect

Support = Literal["takes effect", "ignored", "unsupported"]
EFFECT: Support = "takes effect"
IGNORED: Support = "ignored"
UNSUPPORTED: Support = "unsupported"

FORMAT_NAMES: dict[str, str] = {
    "csv": "delimited text",
    "xlsx": "Excel workbooks",
    "json": "JSON arrays of objects",
    "json-arrays": "JSON arrays of arrays",
    "jsonl": "JSON Lines",
    "parquet": "Parquet",
    "arrow": "Arrow",
}
"""The formats that differ in what a dialect may say of them, and how people call them. A JSON
array is one of arrays if the dialect says so (`itemType`)."""
KINDS = {"json-objects": "jsonl", "arrow-file": "arrow", "arrow-stream": "arrow"}
"""Kinds of files (`inspection.detect.formats`) that are of one of those formats."""
ENCODING = "encoding"


def _row(*formats: str, unsupported: Sequence[str] = ()) -> dict[str, Support]:
    return {
        name: EFFECT if name in formats else UNSUPPORTED if name in unsupported else IGNORED
        for name in FORMAT_NAMES
    }


SUPPORT: dict[str, dict[str, Support]] = {
    "header": _row("csv", "xlsx", "json-arrays"),
    "headerRows": _row("csv", "xlsx"),
    "headerJoin": _row("csv", "xlsx"),
    "commentRows": _row("csv", "xlsx"),
    "commentChar": _row("csv", "xlsx"),
    "delimiter": _row("csv"),
    "lineTerminator": _row("csv"),
    "quoteChar": _row("csv"),
    "doubleQuote": _row("csv"),
    "escapeChar": _row("csv"),
    "nullSequence": _row("csv"),
    "skipInitialSpace": _row("csv"),
    "property": _row("json", "json-arrays", unsupported=["jsonl"]),
    "itemType": _row("json", "json-arrays", unsupported=["jsonl"]),
    "itemKeys": _row("json", "jsonl"),
    "sheetNumber": _row("xlsx"),
    "sheetName": _row("xlsx"),
    "skipBlankRows": _row("csv", "xlsx"),
    "entrepot:footer": _row("csv", "xlsx"),
    ENCODING: _row("csv", "json", "json-arrays", "jsonl"),
}
"""By property, then by format."""


def format_of(kind: str, dialect: TableDialect | None) -> str:
    """The format of a file of that kind under that dialect, a key of `FORMAT_NAMES`."""
    if kind == "json" and dialect is not None and dialect.item_type == "array":
        return "json-arrays"
    return KINDS.get(kind, kind)


def support_of(name: str, value: object, format_name: str) -> Support:
    """What the property `name` with that value does in that format."""
    if name == "itemType" and value == "object" and format_name == "jsonl":
        return EFFECT  # its lines are objects
    return SUPPORT[name][format_name]
