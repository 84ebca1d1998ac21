"""Pages of a list by the keys of its order: a condition on them costs the same on any page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, tuple_

Position = tuple[datetime | str | int, UUID]
"""The place of a row in an order: its key and, among equal ones, its id."""


def page_after(
    found: Select[Any],
    key: ColumnElement[Any],
    row_id: ColumnElement[Any],
    limit: int,
    after: Position | None,
    newest_first: bool = False,
) -> Select[Any]:
    """At most `limit` rows in the order of `key` and `row_id`, those beyond the place `after`."""
    page = found.limit(limit)
    if after is not None:
        place = tuple_(key, row_id)
        last = tuple_(literal(after[0], key.type), literal(after[1], row_id.type))
        page = page.where(place < last if newest_first else place > last)
    return page.order_by(key.desc(), row_id.desc()) if newest_first else page.order_by(key, row_id)
