"""The tables. Sizes are bytes, times are UTC; `docs/glossary.md` explains the nouns.

The background queue (DBOS) keeps its own tables beside these in the same database.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from entrepot.db.types import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("quota", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint("used >= 0 AND reserved >= 0", name="counts"),
    CheckConstraint("used + reserved <= quota", name="within_quota"),
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
    # Of live ones alone: those that were revoked stay, and no list shows them.
    *(
        Index(
            f"ix_keys_live_by_{whose}",
            f"{whose}_id",
            "created_at",
            "id",
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
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
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("name", String(140), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("owner_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("name", String(255), nullable=False),
    # `files.names.folded` of the name, by which lists search and sort. In code points' order on
    # both databases, which is that of their UTF-8.
    Column(
        "name_key",
        String(600).with_variant(String(600, collation="C"), "postgresql"),
        nullable=False,
        server_default=text("''"),
    ),
    Column("description", Text, nullable=False),
    Column("size_limit", BigInteger, nullable=False),
    Column("enforcement", String(8), nullable=False),
    # A Table Dialect by which deliveries are read; NULL: it is found out.
    Column("dialect", JSON(none_as_null=True)),
    Column("current_version", Integer),
    # Its bytes, by which lists sort; -1: there is none.
    Column("current_size", BigInteger, nullable=False, server_default="-1"),
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
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("task_id", Uuid, nullable=False, unique=True),
    # The number of the version whose bytes these are once more.
    Column("restored_from", Integer),
    # Of a refused version: the one that was accepted all the same, and why; or the one that
    # this is to replace.
    Column("accepted_from", Integer),
    Column("reason", Text),
    Column("replaces", Integer),
    Column("deleted_at", UtcTime),
    # Its deletion was undone: the file's retention leaves it alone.
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
    Column("report", JSON, nullable=False),
    Column("profile", JSON, nullable=False),
    Column("schema", JSON),
    # The schema's revision that it judged by, 0 for none; NULL: not known.
    Column("revision", Integer),
    # The profile's columns, measured after the publication; NULL until then.
    Column("columns", JSON(none_as_null=True)),
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

# Blobs that a row named and let go, in the same transaction; the sweep removes them. Without this
# they could not be told from the blobs of another database.
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
    Column("schema", JSON, nullable=False),
    Column("version", Integer),
    # What it changed; NULL for a first schema, given with the file or frozen.
    Column("changes", JSON(none_as_null=True)),
    Column("created_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# Bytes held against a contract without becoming a version: what came to be validated, or the
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
    Column("schema", JSON(none_as_null=True)),
    Column("dialect", JSON(none_as_null=True)),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("sha256", String(64)),
    # Of a schema that is to come: the revision it is to follow, and what it changes.
    Column("revision", Integer),
    Column("changes", JSON(none_as_null=True)),
    Column("report", JSON(none_as_null=True)),
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
    Column("result", JSON(none_as_null=True)),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    CheckConstraint("size >= 0", name="size"),
    Index("ix_reservations_by_account", "account_id", "created_at", "id"),
    Index("ix_reservations_expiring", "expires_at"),
)

# Uploads that outlive their requests (tus). Until it is delivered or has expired, each has the
# reservation of its own id, and its bytes so far in the draft of that id. No reference to users:
# what one who is removed leaves expires.
uploads = Table(
    "uploads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Bytes that its sender was told of; the draft may have more.
    Column("received", BigInteger, nullable=False, server_default="0"),
    # Bytes beyond this many wait for their checksum.
    Column("unproven", BigInteger),
    # Upload-Metadata and If-Match as they came.
    Column("told", Text, nullable=False),
    Column("if_match", Text),
    # "partial" or "final", the ids that a final one was joined from, and what a part was joined to.
    Column("concat", String(8)),
    Column("parts", JSON(none_as_null=True)),
    Column("joined_into", Uuid),
    Column("request_key", String(255)),
    # Counts the requests that asked to hold it; the newest may.
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("task_id", Uuid),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    UniqueConstraint("user_id", "request_key"),
    CheckConstraint("received >= 0 AND received <= size", name="received"),
    Index("ix_uploads_by_account", "account_id"),
    Index("ix_uploads_expiring", "expires_at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(32), nullable=False),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("file_id", Uuid, ForeignKey("files.id")),
    Column("version", Integer),
    Column("error", JSON),
    Column("has_report", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("cancel_requested_at", UtcTime),
    Column("starts", Integer, nullable=False, server_default="0"),
    # Counts the task's changes; the event stream's Last-Event-ID.
    Column("revision", Integer, nullable=False, server_default="1"),
    Index("ix_tasks_by_account", "account_id", "created_at", "id"),
    Index("ix_tasks_by_user", "user_id", "created_at", "id"),
    Index("ix_tasks_by_file", "file_id"),
)

# What requests with an Idempotency-Key were answered; while one runs, its upload's reservation
# holds the key. No reference to users: one who is removed meanwhile takes nothing along.
replies = Table(
    "replies",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("reservation_id", Uuid, nullable=False),
    Column("fingerprint", String(64)),
    Column("task_id", Uuid),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    CheckConstraint("(task_id IS NULL) = (fingerprint IS NULL)", name="answered_whole"),
    Index("ix_replies_expiring", "expires_at"),
)

worker_leases = Table(
    "worker_leases",
    metadata,
    Column("executor_id", String(64), primary_key=True),
    Column("heartbeat_at", UtcTime, nullable=False),
)

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
    # Where the request came from, and its id.
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

# Reads of several requests that go on, or went on a moment ago. Each becomes one activity row.
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
