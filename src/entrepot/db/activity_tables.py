"""The record of changes and reads."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Uuid,
)

from entrepot.db.metadata import metadata
from entrepot.db.types import UtcTime

activity = Table(
    "activity",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("at", UtcTime, nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Uuid),
    # As it was then: it stays when the user goes.
    Column("user_name", String(140)),
    Column("key_id", Uuid),
    # RequestOrigin the request came, and its id.
    Column("address", String(64)),
    Column("request_id", String(32)),
    Column("action", String(40), nullable=False),
    Column("result", String(20)),
    Column("file_id", Uuid),
    Column("version", Integer),
    Column("detail", JSON, nullable=False),
    # The SHA-256 of the account's row before it and of all the above but `id` (`activity.chain`).
    Column("hash", String(64)),
    Index("ix_activity_by_account", "account_id", "id"),
    Index("ix_activity_by_file", "file_id", "id"),
    Index("ix_activity_by_user", "user_id", "id"),
)

# The hash of each account's newest activity row.
activity_heads = Table(
    "activity_heads",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id"), primary_key=True),
    Column("hash", String(64), nullable=False),
)

# Reads of several requests that continue, or continued a moment ago. Each becomes one activity row.
open_reads = Table(
    "open_reads",
    metadata,
    # The SHA-256 of who reads what from where.
    Column("id", String(64), primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("user_name", String(140), nullable=False),
    Column("key_id", Uuid),
    Column("address", String(64)),
    # Of the first request.
    Column("request_id", String(32)),
    Column("file_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("form", String(20), nullable=False),
    Column("requests", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("broken_off", Boolean, nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Index("ix_open_reads_by_end", "last_at"),
)
