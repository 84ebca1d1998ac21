"""Accounts, users and what they sign in with."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from entrepot.db.metadata import metadata
from entrepot.db.types import UtcTime

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("quota", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    # While it is suspended nobody reads or delivers, and its background work stands still.
    Column("suspended_at", UtcTime),
    CheckConstraint("used >= 0 AND reserved >= 0", name="counts"),
    CheckConstraint("used + reserved <= quota", name="within_quota"),
)

# Bytes of metadata by account, as changes whose sum counts: descriptions, schemas, reports,
# profiles, the record of changes, requests of resumable uploads. Triggers write them (migrations
# 0020 and 0027), so that no statement anywhere can forget one, and no transaction waits for
# another. No reference to accounts: it would lock their rows.
metadata_changes = Table(
    "metadata_changes",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("account_id", Uuid, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index("ix_metadata_changes_by_account", "account_id", "bytes"),
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),
    UniqueConstraint("account_id", "name"),
    Index("ix_users_by_account", "account_id", "created_at", "id"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    # The user's, which never changes.
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    # Of live ones alone: those that were revoked stay, and no list shows them. PostgreSQL's index,
    # which its migration makes, is the same: its condition would load that dialect here.
    *(
        Index(
            f"ix_keys_live_by_{whose}",
            f"{whose}_id",
            "created_at",
            "id",
            sqlite_where=text("revoked_at IS NULL"),
        )
        for whose in ("user", "account")
    ),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    # Whether a password is to be set with it; else it only signs in.
    Column("sets_password", Boolean, nullable=False, server_default=false()),
)

# From which networks a key was used; its first use from another one is recorded.
key_networks = Table(
    "key_networks",
    metadata,
    Column("key_id", Uuid, ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("first_used_at", UtcTime, nullable=False),
)

# How many failed sign-ins of a user, and since when: the record has some of them.
failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("name", String(140), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
)
