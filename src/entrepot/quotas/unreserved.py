"""Use an account's quota for an upload of one transaction, which needs no reservation."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy.sql.dml import ReturningUpdate

from entrepot.activity.metadata import changes_of_account, compact_metadata
from entrepot.db.change_sums import COMPACT_ROWS
from entrepot.db.tables import accounts
from entrepot.db.types import WriteConnection, uuid_parameter
from entrepot.quotas.reserve import more_bytes_parameter, update_if_free
from entrepot.quotas.shares import own_uploads_query


class ReservationNeeded(Exception):
    """The bytes cannot be used now. An upload with a reservation can wait for room, or say why
    there is none."""


def use_unreserved(
    conn: WriteConnection, account_id: UUID, size: int, max_uploads: int, now: datetime
) -> None:
    """Use `size` bytes that no reservation holds, if they are free and the account has less than
    `max_uploads` uploads under way.

    Of these uploads each takes one transaction, so they are not among those. Raises
    ReservationNeeded; the transaction is to be rolled back then.
    """
    parameters = {"sender_account": account_id, "now": now}
    parameters |= {"of_account": account_id, "more_bytes": size}
    row = conn.execute(_use_statement(), parameters).one_or_none()
    if row is None or row.uploads >= max_uploads:
        raise ReservationNeeded
    if row.changes > COMPACT_ROWS:
        compact_metadata(conn, account_id)


@cache
def _use_statement() -> ReturningUpdate[Any]:
    account_id, more_bytes = uuid_parameter("of_account"), more_bytes_parameter()
    uploads = own_uploads_query().scalar_subquery()
    return (
        update_if_free(account_id, more_bytes)
        .values(used=accounts.c.used + more_bytes)
        .returning(changes_of_account(account_id).label("changes"), uploads.label("uploads"))
    )
