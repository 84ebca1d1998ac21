"""Check that the bytes of metadata are those that triggers have counted."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, Select, Table, Text, cast, func, select

from entrepot.activity.metadata import total_metadata
from entrepot.blobs.store import BlobStore
from entrepot.db.tables import (
    accounts,
    activity,
    checks,
    comparisons,
    files,
    inspections,
    schema_revisions,
    uploads,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot_client.counts import counted

ROW_BYTES = 256
"""What an activity row counts beside its detail (migration 0020)."""


def metadata_is_counted(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What is counted of an account's metadata is the sum of its texts."""
    del store, now
    actual: Counter[UUID] = Counter()
    for query in _sums(conn.dialect.name):
        for row in conn.execute(query):
            actual[row[0]] += int(row[1])
    recorded = total_metadata(conn)
    names = {row.id: row.name for row in conn.execute(select(accounts.c.id, accounts.c.name))}
    for account_id in sorted(actual.keys() | recorded.keys()):
        was, is_ = recorded.get(account_id, 0), actual[account_id]
        if was != is_:
            name = names.get(account_id, account_id)
            yield (
                f"account {name}: {counted(was, 'byte')} of metadata are counted, the sum is {is_}"
            )


def _sums(dialect: str) -> Iterator[Select[Any]]:
    def size(table: Table, *names: str) -> ColumnElement[int]:
        lengths = (
            func.octet_length(cast(table.c[name], Text))
            if dialect == "postgresql"
            else func.length(cast(table.c[name], LargeBinary))
            for name in names
        )
        total: Any = sum(func.coalesce(length, 0) for length in lengths)
        return func.sum(total)

    def of(column: Any, total: ColumnElement[int]) -> Select[Any]:
        return select(column, total).group_by(column)

    yield of(files.c.account_id, size(files, "description", "dialect", "retention"))
    yield of(checks.c.account_id, size(checks, "schema", "dialect", "changes", "report"))
    for table, names in (
        (schema_revisions, ("schema", "dialect", "changes")),
        (comparisons, ("key", "result")),
    ):
        yield of(files.c.account_id, size(table, *names)).join_from(table, files)
    yield of(uploads.c.account_id, size(uploads, "told", "if_match", "parts"))
    of_inspection = ("report", "profile", "schema", "dialect", "columns")
    yield of(versions.c.account_id, size(inspections, *of_inspection)).join_from(
        inspections, versions
    )
    row_size = size(activity, "detail") + ROW_BYTES * func.count()
    yield of(activity.c.account_id, row_size).where(activity.c.action != "version.read")
