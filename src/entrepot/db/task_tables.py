"""What is under way: tasks, uploads, and the space that is reserved for them."""

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
)

from entrepot.db.metadata import metadata
from entrepot.db.types import UtcTime

reservations = Table(
    "reservations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False, server_default=false()),
    # Who sends the upload, with which key (none: in a browser), from which account, and to which
    # file (none: a new one). No references: what one who is removed leaves ends or expires.
    Column("user_id", Uuid),
    Column("key_id", Uuid),
    Column("sender_account_id", Uuid),
    Column("file_id", Uuid),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    CheckConstraint("size >= 0", name="size"),
    Index("ix_reservations_by_account", "account_id", "created_at", "id"),
    Index("ix_reservations_expiring", "expires_at"),
    Index("ix_reservations_by_user", "user_id"),
    Index("ix_reservations_by_file", "file_id"),
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
    # Bytes that were acknowledged to its sender; the draft may have more.
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
    # Workers of the release before count here. The release after this one removes it.
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

# The durable queue: what is to be done, a row each, until it has been done. A task's entry has the
# task's id, a derivation's the id of its run. No references: the rows that it is about have them.
queue_entries = Table(
    "queue_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    # The inspections of one file's versions are done in the order of their numbers.
    Column("file_id", Uuid),
    Column("version", Integer),
    # The bytes that are to be read.
    Column("size", BigInteger, nullable=False),
    Column("short", Boolean, nullable=False),
    # "waiting" or "running"; what has ended has no row.
    Column("state", String(8), nullable=False, server_default="waiting"),
    Column("enqueued_at", UtcTime, nullable=False),
    Column("not_before", UtcTime),
    # The worker that runs it, and which of all claims of the entry that is: what an earlier one
    # still writes is refused.
    Column("owner", String(64)),
    Column("lease", Integer, nullable=False, server_default="0"),
    Column("claimed_at", UtcTime),
    # Runs that failed through no fault of what was run.
    Column("failures", Integer, nullable=False, server_default="0"),
    # Whether it exceeded its budget and was put at the end once.
    Column("postponed", Boolean, nullable=False, server_default=false()),
    CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name="owned_while_running"),
    CheckConstraint("(file_id IS NULL) = (version IS NULL)", name="ordered_whole"),
    Index("ix_queue_entries_by_sender", "account_id", "user_id", "short", "enqueued_at"),
    Index("ix_queue_entries_by_file", "file_id", "version"),
)

worker_leases = Table(
    "worker_leases",
    metadata,
    Column("executor_id", String(64), primary_key=True),
    Column("heartbeat_at", UtcTime, nullable=False),
)
