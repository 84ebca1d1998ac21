"""The profile of a version's columns as the page shows it: figures in words, charts as paths."""

from dataclasses import dataclass
from typing import Any

from entrepot.http.web.formatting import number, percent
from entrepot_client.counts import counted

COLUMNS_SHOWN = 200
"""Columns on the page; all of them are in the profile's JSON."""
WIDTH, HEIGHT = 120, 32
"""The box of a histogram, in its own units."""
MEASURES = ("number", "duration")
"""Types of columns whose values measure something, so that they are unique by chance."""
TOP_SHOWN = 3
"""Most frequent values of a column that are shown."""


@dataclass(frozen=True)
class Share:
    """A common value, how often it occurs, and its share of the rows in percent."""

    value: str
    count: int
    percent: str


@dataclass(frozen=True)
class ColumnProfileView:
    """One column in words; `chart` is the path of an SVG, empty where there is none, and
    `chart_words` say what it shows to who cannot see it."""

    name: str
    type: str
    stored_as: str
    missing: str
    distinct: str
    low: str
    high: str
    notes: tuple[str, ...]
    chart: str
    chart_words: str
    top: tuple[Share, ...]


@dataclass(frozen=True)
class ColumnsView:
    """The first columns of a profile, and how many there are."""

    first: tuple[ColumnProfileView, ...] = ()
    count: int = 0


def columns_view(document: dict[str, Any]) -> ColumnsView:
    """The measured `columns` of a version, whose contract has this `schema`, if it has one."""
    columns, keyed = document["columns"], _has_key(document["schema"] or {})
    return ColumnsView(
        tuple(_view(column, keyed) for column in columns[:COLUMNS_SHOWN]), len(columns)
    )


def _has_key(schema: dict[str, Any]) -> bool:
    """Whether a schema says which column or columns are a key."""
    constraints = (field.get("constraints") or {} for field in schema.get("fields", []))
    unique = any(each.get("unique") for each in constraints)
    return bool(unique or schema.get("primaryKey") or schema.get("uniqueKeys"))


def _view(column: dict[str, Any], keyed: bool) -> ColumnProfileView:
    rows = column["rows"]
    chart = column.get("histogram")
    about = "about " if column["distinctIsEstimate"] else ""
    # A chart tells more of how numbers and times lie, single values more of all else.
    top = [] if chart else column["topValues"][:TOP_SHOWN]
    return ColumnProfileView(
        name=column["name"],
        type=column["type"],
        stored_as=column["storedAs"],
        missing=percent(column["nulls"], rows, 1) if column["nulls"] else "none",
        distinct=about + number(column["distinct"]),
        low=_word(column.get("minimum")),
        high=_word(column.get("maximum")),
        notes=tuple(_notes(column, keyed)),
        chart=_path(chart["counts"]) if chart else "",
        chart_words=_chart_words(chart) if chart else "",
        top=tuple(
            Share(_word(each["value"]), each["count"], percent(each["count"], rows, 1))
            for each in top
        ),
    )


def _notes(column: dict[str, Any], keyed: bool) -> list[str]:
    notes = []
    if column["candidateKey"] and not keyed and column["type"] not in MEASURES:
        notes.append("may be a key")
    if "suggestedEnum" in column:
        notes.append(f"may be an enum of {len(column['suggestedEnum'])}")
    if column.get("mean") is not None:
        notes.append(f"mean {_word(column['mean'])}")
    if "longest" in column:
        shortest, longest = column["shortest"]["length"], column["longest"]["length"]
        least = "" if shortest == longest else f"{shortest:,} to "
        notes.append(least + counted(longest, "character"))
    return notes


def _word(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _path(counts: list[int]) -> str:
    """The bars as one path; what is there at all is a line high at least."""
    highest, width = max(counts), WIDTH / len(counts)
    bars = []
    for place, count in enumerate(counts):
        if count:
            tall = max(1.0, HEIGHT * count / highest)
            left, top = place * width, HEIGHT - tall
            bars.append(f"M{left:.1f} {HEIGHT}V{top:.1f}H{left + width - 1:.1f}V{HEIGHT}Z")
    return "".join(bars)


def _chart_words(chart: dict[str, Any]) -> str:
    counts, edges = chart["counts"], chart["edges"]
    most = counts.index(max(counts))
    return (
        f"The fullest of {counted(len(counts), 'equal part')} is from {_word(edges[most])} to "
        f"{_word(edges[most + 1])}, with {counted(counts[most], 'value')}."
    )
