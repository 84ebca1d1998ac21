"""Where a server is killed: exact points on each pair of database and store.

Each scenario names its points for SQLite and a disk. `everywhere` adds what they are on PostgreSQL
and S3, where a call of the operating system is a request to the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

Stores = Literal["disk", "s3"]
"""`disk`: SQLite and a folder. `s3`: PostgreSQL and S3, as an installation on many hosts."""


@dataclass(frozen=True)
class Point:
    """Where to die: see `hook/sitecustomize.py`."""

    role: str
    call: str
    about: tuple[str, ...]
    when: str
    stores: Stores = field(default="disk", compare=False)

    def __str__(self) -> str:
        place = "" if self.stores == "disk" else f"{self.stores}-"
        about = "+".join(self.about)
        return f"{place}{self.role}-{self.when}-{self.call}-{about}".replace(" ", "_")


REQUESTS = {
    ("link", ("/incoming/.* .*/blobs/",)): "^PUT .*/blobs/[^ ]*$",
    ("link", ("/blobs/.* .*/blobs/",)): "^PUT .*/blobs/.* from .*/blobs/",
    ("link", ("/drafts/.* .*/blobs/",)): "^PUT .*/blobs/",
    ("unlink", ("/blobs/",)): "^DELETE .*/blobs/",
    ("unlink", ("/drafts/",)): "^DELETE .*/drafts/",
}
"""The request that does in S3 what a call does in a folder. Calls that are not listed make states
that S3 does not have: a file that is open, half written, or not synced."""


def both(role: str, call: str, about: tuple[str, ...]) -> list[Point]:
    """Right before that call and right after it."""
    return [Point(role, call, about, when) for when in ("before", "after")]


def requests(role: str, *patterns: str) -> list[Point]:
    """Right before and right after the requests to S3 that match each pattern."""
    return [
        Point(role, "request", (pattern,), when, "s3")
        for pattern in patterns
        for when in ("before", "after")
    ]


def long(points: Sequence[Any]) -> list[Any]:
    """These points with `--long` only."""
    return [pytest.param(point, marks=pytest.mark.long) for point in points]


def everywhere(points: Sequence[Any], sample: Sequence[Point] = ()) -> list[Any]:
    """The points, and their like on S3 and PostgreSQL: with `--long`, but for those of `sample`."""
    sets = [each if hasattr(each, "values") else pytest.param(each) for each in points]
    plain: dict[tuple[Any, ...], None] = dict.fromkeys(tuple(each.values) for each in sets)
    result = list(points)
    for point, *more in plain:
        remote = on_s3(point)
        if remote is not None:
            marks = () if remote in sample else pytest.mark.long
            result.append(pytest.param(remote, *more, marks=marks))
    return result


def on_s3(point: Point) -> Point | None:
    """The same point on S3 and PostgreSQL; None where they have no such state."""
    if point.call == "commit":
        return replace(point, stores="s3")
    request = REQUESTS.get((point.call, point.about))
    return Point(point.role, "request", (request,), point.when, "s3") if request else None
