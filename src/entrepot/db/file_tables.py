"""Files, their versions, and what is known or made of those."""

from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from entrepot.db.metadata import metadata
from entrepot.db.types import StoredJson, UtcTime

files = Table(
    "files",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("owner_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("name", String(255), nullable=False),
    # `files.names.fold_name` of the name, by which lists search and sort. In code points' order on
    # both databases, which is that of their UTF-8.
    Column(
        "name_key",
        String(600).with_variant(String(600, collation="C"), "postgresql"),
        nullable=False,
        server_default=text("''"),
    ),
    # The file's address in its account, and the key by which it is unique there (`files.paths`). A
    # deleted file keeps its path and has no key: nothing finds it, and another may have the path.
    Column("path", String(255)),
    Column("path_key", String(255)),
    Column("description", Text, nullable=False),
    Column("size_limit", BigInteger, nullable=False),
    Column("enforcement", String(8), nullable=False),
    # A Table Dialect by which deliveries are read, and their encoding; NULL: it is detected.
    Column("dialect", JSON(none_as_null=True)),
    Column("encoding", String(40)),
    Column("current_version", Integer),
    # Its bytes, by which lists sort; -1: there is none.
    Column("current_size", BigInteger, nullable=False, server_default="-1"),
    # When its last published version was withdrawn, as long as no other is published: who may read
    # it sees it still, with the reason why there is nothing.
    Column("withdrawn_at", UtcTime),
    # Which versions are kept: {"keep_last": n} or {"days": n}; NULL: all.
    Column("retention", JSON(none_as_null=True)),
    # Nobody finds it from then on; once that cannot be undone any more, its bytes may go.
    Column("deleted_at", UtcTime),
    Column("purged_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    CheckConstraint("size_limit > 0", name="size_limit"),
    Index("ix_files_by_account", "account_id", "created_at", "id"),
    Index("ix_files_by_owner", "owner_id", "created_at", "id"),
    Index("ix_files_by_account_name", "account_id", "name_key", "id"),
    Index("ix_files_by_owner_name", "owner_id", "name_key", "id"),
    Index("ix_files_by_account_update", "account_id", "updated_at", "id"),
    Index("ix_files_by_owner_update", "owner_id", "updated_at", "id"),
    Index("ix_files_by_account_size", "account_id", "current_size", "id"),
    Index("ix_files_by_owner_size", "owner_id", "current_size", "id"),
    Index("uq_files_by_path", "account_id", "path_key", unique=True),
    # Each database has its own index for parts of a name: `files.queries.search`.
    Index("ix_files_deleted", "deleted_at"),
)

# Who may read or deliver beside a file's owner and its account's admins: a user, or a whole account
# (no user). `grantee_id` is the one or the other, so that a look-up is one of its key.
entitlements = Table(
    "entitlements",
    metadata,
    Column("file_id", Uuid, ForeignKey("files.id"), primary_key=True),
    Column("grantee_id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id"), index=True),
    Column("reads", Boolean, nullable=False),
    Column("writes", Boolean, nullable=False),
    Column("granted_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    # When the file was made, which never changes: the order of a list of them.
    Column("file_created_at", UtcTime, nullable=False),
    CheckConstraint("grantee_id = coalesce(user_id, account_id)", name="grantee"),
    CheckConstraint("reads OR writes", name="something"),
    Index("ix_entitlements_by_file", "file_id", "created_at", "grantee_id"),
    Index("ix_entitlements_by_grantee", "grantee_id", "file_created_at", "file_id"),
)

# What a receiver of shares, a user or an account, has decided on another account: NULL: nothing.
senders = Table(
    "senders",
    metadata,
    Column("receiver_id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), primary_key=True),
    Column("decision", String(8)),
    Column("decided_at", UtcTime),
    CheckConstraint("decision IN ('accepted', 'blocked')", name="decision"),
)

# A file that its owner would hand over to a user of another account, who has not accepted yet.
offers = Table(
    "offers",
    metadata,
    Column("file_id", Uuid, ForeignKey("files.id"), primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("offered_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_offers_by_user", "user_id", "created_at", "file_id"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Uuid, primary_key=True),  # also the blob's id
    Column("file_id", Uuid, ForeignKey("files.id"), nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("media_type", String(127), nullable=False),
    Column("row_count", BigInteger),
    # Who delivered it; or who made the link with which somebody did, and that link.
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("link_id", Uuid, index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("task_id", Uuid, nullable=False, unique=True),
    # The number of the version whose bytes these are again.
    Column("restored_from", Integer),
    # Of a quarantined version: the one that was accepted anyway, and why; or the one that
    # this is to replace.
    Column("accepted_from", Integer),
    Column("reason", Text),
    Column("replaces", Integer),
    Column("deleted_at", UtcTime),
    # Its withdrawal: when, by whom (a name stays when the user goes), why, and whether its bytes
    # and all that shows them were removed.
    Column("withdrawn_at", UtcTime),
    Column("withdrawn_by", String(140)),
    Column("withdrawal_reason", Text),
    Column("purged", Boolean, nullable=False, server_default=false()),
    # Its deletion or withdrawal was undone: the file's retention leaves it alone.
    Column("spared", Boolean, nullable=False, server_default=false()),
    # Bytes of a version that is not published may be removed from this time on.
    Column("keep_until", UtcTime),
    Column("bytes_removed_at", UtcTime),
    UniqueConstraint("file_id", "number"),
    Index("ix_versions_expiring", "keep_until"),
)

inspections = Table(
    "inspections",
    metadata,
    Column("version_id", Uuid, ForeignKey("versions.id"), primary_key=True),
    Column("report", StoredJson, nullable=False),
    Column("profile", StoredJson, nullable=False),
    Column("schema", StoredJson),
    # The schema's revision that it judged by, 0 for none; NULL: not known.
    Column("revision", Integer),
    # The dialect and the encoding that it read by: so are the version's forms read.
    Column("dialect", JSON(none_as_null=True)),
    Column("encoding", String(40)),
    # The profile's columns, measured after the publication; NULL until then.
    Column("columns", StoredJson),
)

derivatives = Table(
    "derivatives",
    metadata,
    Column("version_id", Uuid, ForeignKey("versions.id"), primary_key=True),
    Column("form", String(8), primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("status", String(8), nullable=False),
    # The run of the queue that makes it; another one if it is made again.
    Column("run_id", Uuid, nullable=False, unique=True),
    # Its bytes, once there are some. They are the version's own if those are of this form.
    Column("blob_id", Uuid, unique=True),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("sha256", String(64)),
    Column("error", JSON(none_as_null=True)),
    Column("starts", Integer, nullable=False, server_default="0"),
    Column("requested_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("used_at", UtcTime, nullable=False),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("(status = 'ready') = (blob_id IS NOT NULL)", name="bytes_if_ready"),
    Index("ix_derivatives_by_account", "account_id", "used_at"),
    Index("ix_derivatives_by_use", "status", "used_at"),
)

# Bytes of derivatives by account, as changes whose sum counts, and again for `ALL_ACCOUNTS`.
# Triggers write them (migration 0026), so that no statement anywhere can forget one.
derivative_changes = Table(
    "derivative_changes",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("account_id", Uuid, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index("ix_derivative_changes_by_account", "account_id", "bytes"),
)

ALL_ACCOUNTS = UUID(int=0)
"""The account under which the bytes of all derivatives are counted."""

# Blobs that a transaction released; the sweep removes them. Without this table they would look like
# the blobs of another database.
released_blobs = Table(
    "released_blobs",
    metadata,
    Column("blob_id", Uuid, primary_key=True),
    Column("released_at", UtcTime, nullable=False),
)

schema_revisions = Table(
    "schema_revisions",
    metadata,
    Column("file_id", Uuid, ForeignKey("files.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("source", String(8), nullable=False),
    Column("schema", StoredJson, nullable=False),
    Column("dialect", JSON(none_as_null=True)),
    Column("encoding", String(40)),
    Column("version", Integer),
    # What it changed; NULL for a first schema, given with the file or frozen.
    Column("changes", StoredJson),
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# Bytes checked against a contract without becoming a version: what came to be validated, or the
# current version under a schema that is to come.
checks = Table(
    "checks",
    metadata,
    Column("id", Uuid, primary_key=True),  # also the blob's id, if bytes came with it
    Column("task_id", Uuid, nullable=False, unique=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("file_id", Uuid, ForeignKey("files.id")),
    Column("name", String(255), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("schema", StoredJson),
    Column("dialect", JSON(none_as_null=True)),
    Column("encoding", String(40)),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("sha256", String(64)),
    # Of a schema that is to come: the revision it is to follow, and what it changes.
    Column("revision", Integer),
    Column("changes", StoredJson),
    # The current version that it was checked with.
    Column("version", Integer),
    Column("report", StoredJson),
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("key_id", Uuid),
    Column("created_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    # Bytes that came with it may be removed from this time on.
    Column("keep_until", UtcTime),
    Column("bytes_removed_at", UtcTime),
    CheckConstraint("size >= 0", name="size"),
    Index("ix_checks_expiring", "keep_until"),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("file_id", Uuid, ForeignKey("files.id"), nullable=False),
    Column("before_id", Uuid, ForeignKey("versions.id"), nullable=False, index=True),
    Column("after_id", Uuid, ForeignKey("versions.id"), nullable=False, index=True),
    Column("key", JSON, nullable=False),
    Column("examples", Integer, nullable=False),
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    # What was found; none until then, and when the bytes of either version have gone.
    Column("result", StoredJson),
)
