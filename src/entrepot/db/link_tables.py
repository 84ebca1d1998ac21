"""Links to files, with which anybody who has one reads or delivers."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    Uuid,
)

from entrepot.db.metadata import metadata
from entrepot.db.types import UtcTime

file_links = Table(
    "file_links",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("file_id", Uuid, ForeignKey("files.id"), nullable=False),
    # "read" or "deliver". What is read: a form (NULL: the bytes as they were delivered) of a
    # version (NULL: the newest).
    Column("kind", String(8), nullable=False),
    Column("form", String(8)),
    Column("version", Integer),
    Column("name", String(100), nullable=False),
    # The link lasts as long as this user manages the file and, if it was made with a key, as long
    # as that key is valid. No reference to keys: one who is removed takes theirs along.
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("key_id", Uuid),
    Column("password_hash", Text),
    # Downloads that were begun. Deliveries are counted from the versions that came of them.
    Column("max_uses", Integer),
    Column("downloads", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    CheckConstraint("kind IN ('read', 'deliver')", name="kind"),
    CheckConstraint("kind = 'read' OR (form IS NULL AND version IS NULL)", name="what_is_read"),
    CheckConstraint("max_uses > 0", name="max_uses"),
    CheckConstraint("downloads >= 0 AND downloads <= coalesce(max_uses, downloads)", name="uses"),
    Index("ix_file_links_by_file", "file_id", "created_at", "id"),
)

# Downloads by links that were counted a moment ago: until then the same network reads further parts
# of the same version with the same link, and they are not counted again.
link_downloads = Table(
    "link_downloads",
    metadata,
    Column("link_id", Uuid, ForeignKey("file_links.id", ondelete="CASCADE"), primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("until", UtcTime, nullable=False),
)
