"""Drift: how far a version under a contract differs from the published one before it.

It is a warning with both figures, never a reason for rejection: the contract says what is wrong,
drift what is unusual. Rows are compared with the publication, columns as soon as their profile is
measured.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, func, select, update

from entrepot.db.tables import files, inspections, versions
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import with_warnings
from entrepot.texts.json_text import JsonText, to_json_text
from entrepot_client.counts import counted

MAX_ROWS_CHANGE = 0.5
"""Share of the earlier rows by which the number of rows may differ."""
MAX_EMPTY_CHANGE = 0.1
"""By how much the share of empty cells may differ: 10 points."""
MAX_CATEGORIES = 50
"""Different values up to which a text column is one of categories."""
MAX_RANGE_FACTOR = 10
"""Times the earlier range within which the minimum and the maximum may lie."""
ORDERED_TYPES = frozenset({"integer", "number", "year", "date", "time", "datetime"})
"""Types of which a range has a width."""
ENDS = ("minimum", "maximum")
MAX_DISTANT = 1e300
"""Numbers beyond it have no finite distance from others."""
MAX_NAMED = 5
"""Values that a sentence names."""
MAX_WARNINGS = 50
SHORT_DOCUMENTS_CHARS = 32_000
"""Documents of a pair that are parsed in a transaction of a request."""

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (moments are compared without their zones)

ColumnProfile = Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """A version by its number, with its rows and, if they are measured, its columns."""

    version: int
    rows: int
    columns: Sequence[ColumnProfile] | None


@dataclass(frozen=True)
class DriftSource:
    """What is known of a published version of a file, as it is stored."""

    version_id: UUID
    number: int
    rows: int
    report: JsonText
    columns: JsonText | None

    @property
    def profile(self) -> Profile:
        """The figures that are compared."""
        columns = json.loads(self.columns) if self.columns is not None else None
        return Profile(self.number, self.rows, columns)


@dataclass(frozen=True)
class DriftPair:
    """A version, and the one before it, which it is compared with; None: there is none."""

    before: DriftSource | None
    after: DriftSource

    @property
    def chars(self) -> int:
        """How long the documents of both are together."""
        sources = [each for each in (self.before, self.after) if each is not None]
        return sum(len(each.report) + len(each.columns or "") for each in sources)


RenewedReports = dict[DriftPair, JsonText | None]
"""What `renewed_report` made of pairs."""


class DriftNotPrepared(Exception):
    """A transaction of a request needs the new report of a pair whose documents are long: it is to
    begin again with what `renewed_report` makes of them elsewhere."""

    def __init__(self, pair: DriftPair) -> None:
        super().__init__()
        self.pair = pair


def note_drift(
    conn: WriteConnection, version_id: UUID, prepared: RenewedReports | None = None
) -> None:
    """Compare a published version with the one before it, and the one after it with this one, and
    write the warnings into their reports in place of earlier ones. Files without a contract have
    none.

    With `prepared` no long document is parsed. Raises DriftNotPrepared.
    """
    place = conn.execute(_neighbors_query(), {"version_id": version_id}).one_or_none()
    if place is None or place.enforcement == "none":
        return
    numbers = [place.earlier, place.number, place.later]
    if numbers.count(None) == 2:  # their reports may be long
        return
    of_file = _published().where(versions.c.file_id == place.file_id)
    rows = conn.execute(of_file.where(versions.c.number.in_(numbers)))
    by_number = {row.number: _source(row) for row in rows}
    for before, after in pairwise(by_number.get(number) for number in numbers):
        if before is not None and after is not None:
            _renew(conn, DriftPair(before, after), prepared)


def note_withdrawal(
    conn: WriteConnection, file_id: UUID, number: int, prepared: RenewedReports
) -> None:
    """Compare the published version after `number`, which is not published any more, with the one
    before it: its report had figures of what was withdrawn. Raises DriftNotPrepared."""
    before, after = _neighbors(conn, file_id, number)
    if after is not None:
        _renew(conn, DriftPair(before, after), prepared)


def renewed_report(pair: DriftPair) -> JsonText | None:
    """The report of the later version with what has drifted; None if it says that already."""
    before, report = pair.before, json.loads(pair.after.report)
    warnings = compare_profiles(before.profile, pair.after.profile) if before is not None else []
    if warnings == report["tasks"][0].get("drift", []):
        return None
    return to_json_text(_with_drift(report, warnings))


def _renew(conn: WriteConnection, pair: DriftPair, prepared: RenewedReports | None) -> None:
    if prepared is not None and pair in prepared:
        report = prepared[pair]
    elif prepared is None or pair.chars <= SHORT_DOCUMENTS_CHARS:
        report = renewed_report(pair)
    else:
        raise DriftNotPrepared(pair)
    if report is not None:
        this_version = inspections.c.version_id == pair.after.version_id
        conn.execute(update(inspections).where(this_version).values(report=report))


def _neighbors(
    conn: ReadConnection, file_id: UUID, number: int
) -> tuple[DriftSource | None, DriftSource | None]:
    """The published versions right before and right after a number."""
    of_file = _published().where(versions.c.file_id == file_id)
    before = of_file.where(versions.c.number < number).order_by(versions.c.number.desc())
    after = of_file.where(versions.c.number > number).order_by(versions.c.number)
    rows = (conn.execute(query.limit(1)).one_or_none() for query in (before, after))
    earlier, later = (_source(row) if row is not None else None for row in rows)
    return earlier, later


@cache
def _neighbors_query() -> Any:
    """A published version with the numbers of those before and after it."""
    other = versions.alias("other")
    of_file = other.c.file_id == versions.c.file_id, *_is_published(other)
    earlier = select(func.max(other.c.number)).where(*of_file, other.c.number < versions.c.number)
    later = select(func.min(other.c.number)).where(*of_file, other.c.number > versions.c.number)
    return (
        select(
            versions.c.file_id,
            versions.c.number,
            files.c.enforcement,
            earlier.scalar_subquery().label("earlier"),
            later.scalar_subquery().label("later"),
        )
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.id == uuid_parameter("version_id"), *_is_published(versions))
    )


def _is_published(version: FromClause) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a version is a published table."""
    return version.c.status == "published", version.c.row_count.is_not(None)


def _published() -> Any:
    return (
        select(
            versions.c.id,
            versions.c.file_id,
            versions.c.number,
            versions.c.row_count,
            files.c.enforcement,
            inspections.c.report,
            inspections.c.columns,
        )
        .join(inspections, inspections.c.version_id == versions.c.id)
        .join(files, files.c.id == versions.c.file_id)
        .where(*_is_published(versions))
    )


def _source(row: Any) -> DriftSource:
    return DriftSource(row.id, row.number, row.row_count, row.report, row.columns)


def without_drift(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what it says of the version before, for those who may not read that."""
    return _with_drift(report, []) if report["tasks"][0].get("drift") else report


def _with_drift(report: dict[str, Any], drift: list[str]) -> dict[str, Any]:
    table = report["tasks"][0]
    earlier = table.get("drift", [])
    warnings = [*(text for text in table["warnings"] if text not in earlier), *drift]
    report = with_warnings(report, warnings)
    table, *others = report["tasks"]
    table = {key: value for key, value in table.items() if key != "drift"}
    table |= {"drift": drift} if drift else {}
    return {**report, "tasks": [table, *others]}


def compare_profiles(before: Profile, after: Profile) -> list[str]:
    """What has drifted from `before` to `after`, a sentence each; at most MAX_WARNINGS."""
    sentences = list(_rows_change(before, after))
    earlier = {column["name"]: column for column in before.columns or ()}
    for column in after.columns or ():
        if column["name"] in earlier:
            sentences += _column_changes(earlier[column["name"]], column, before.version)
    return sentences[:MAX_WARNINGS]


def _rows_change(before: Profile, after: Profile) -> Iterator[str]:
    if abs(after.rows - before.rows) > MAX_ROWS_CHANGE * before.rows:
        yield (
            f"The table has {counted(after.rows, 'row')}; version {before.version:,} had "
            f"{before.rows:,}."
        )


def _column_changes(before: ColumnProfile, after: ColumnProfile, version: int) -> Iterator[str]:
    name = quoted(after["name"])
    shares = [column["nulls"] / column["rows"] for column in (before, after) if column["rows"]]
    if len(shares) == 2 and abs(shares[1] - shares[0]) > MAX_EMPTY_CHANGE:
        yield (
            f"{shares[1]:.1%} of the cells of {name} are empty; in version {version:,} it was "
            f"{shares[0]:.1%}."
        )
    stored = [column["storedAs"].partition("(")[0] for column in (before, after)]
    # An empty column has the type of its field, whatever the values of others made of theirs.
    if stored[0] != stored[1] and all(
        column["rows"] > column["nulls"] for column in (before, after)
    ):
        yield f"Parquet has {name} as {stored[1]}; in version {version:,} it was {stored[0]}."
    yield from _category_changes(before, after, name, version)
    if before["type"] == after["type"] and before["type"] in ORDERED_TYPES:
        yield from _range_changes(before, after, name, version)


def _category_changes(
    before: ColumnProfile, after: ColumnProfile, name: str, version: int
) -> Iterator[str]:
    known = before.get("categories")
    values = before["rows"] - before["nulls"]
    # Where no value repeats they are names, not categories.
    if not known or before["distinct"] >= values:
        return
    had = f"version {version:,} had {counted(len(known), 'different value')}"
    if (categories := after.get("categories")) is None:
        if after["distinct"] > MAX_CATEGORIES:
            yield f"{name} has {counted(after['distinct'], 'different value')}; {had}."
        return
    new = [value for value in categories if value not in set(known)]
    if new:
        some = ", ".join(map(quoted, new[:MAX_NAMED]))
        more = f" and {len(new) - MAX_NAMED:,} more" if len(new) > MAX_NAMED else ""
        yield (
            f"{name} has {counted(len(new), 'new value')} ({some}{more}) of {len(categories):,}; "
            f"{had}."
        )


def _range_changes(
    before: ColumnProfile, after: ColumnProfile, name: str, version: int
) -> Iterator[str]:
    kind = before["type"]
    ends = [_scaled(column.get(end), kind) for column in (before, after) for end in ENDS]
    if any(end is None for end in ends):
        return
    low, high, new_low, new_high = (float(end) for end in ends if end is not None)
    width = high - low or (abs(high) if kind in ("integer", "number", "year") else 0)
    if not width:
        return
    for end, beyond in (
        ("minimum", high - new_low > MAX_RANGE_FACTOR * width),
        ("maximum", new_high - low > MAX_RANGE_FACTOR * width),
    ):
        if beyond:
            new, old = (_figure(column[end]) for column in (after, before))
            yield f"The {end} of {name} is {new}; in version {version:,} it was {old}."


def _scaled(value: Any, column_type: str) -> float | None:
    """A number, which has a text where JSON would round it, or a moment in seconds; None for what
    has no distance from others."""
    if value is None:
        return None
    try:
        match column_type:
            case "time":
                return _seconds_of_day(str(value))
            case "date" | "datetime":
                return _seconds(str(value))
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < MAX_DISTANT else None


def _seconds_of_day(text: str) -> float:
    clock = time.fromisoformat(text)
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _seconds(text: str) -> float:
    return (datetime.fromisoformat(text).replace(tzinfo=None) - EPOCH).total_seconds()


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
