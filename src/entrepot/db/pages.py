"""Keyset pagination: a condition on the sort keys costs the same on every page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, tuple_

Position = tuple[datetime | str | int, UUID]
"""The position of a row in an order: its sort key and, among equal keys, its id."""


def page_after(
    query: Select[Any],
    key: ColumnElement[Any],
    row_id: ColumnElement[Any],
    limit: int,
    after: Position | None,
    newest_first: bool = False,
) -> Select[Any]:
    """At most `limit` rows in the order of `key` and `row_id` that follow the position `after`."""
    page = query.limit(limit)
    if after is not None:
        row_position = tuple_(key, row_id)
        after_position = tuple_(literal(after[0], key.type), literal(after[1], row_id.type))
        page = page.where(
            row_position < after_position if newest_first else row_position > after_position
        )
    return page.order_by(key.desc(), row_id.desc()) if newest_first else page.order_by(key, row_id)
