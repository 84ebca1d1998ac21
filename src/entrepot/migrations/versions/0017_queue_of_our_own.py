"""The queue is a table of ours; what waits or runs in DBOS's tables is carried over.

No process of an older release runs meanwhile: each holds the data folder's lock.
"""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INTO_QUEUE = """
INSERT INTO queue_entries
    (id, kind, account_id, user_id, file_id, version, size, short, enqueued_at)
"""
INSPECTIONS = """
SELECT t.id, 'inspect.version', t.account_id, t.user_id, v.file_id, v.number, v.size,
    v.size <= 1048576, t.created_at
FROM tasks t JOIN versions v ON v.task_id = t.id
WHERE t.status IN ('queued', 'running') AND v.status IN ('received', 'inspecting')
"""
CHECKS = """
SELECT t.id, 'check.bytes', t.account_id, t.user_id, NULL, NULL, t.total, t.total <= 1048576,
    t.created_at
FROM tasks t JOIN checks c ON c.task_id = t.id
WHERE t.status IN ('queued', 'running') AND c.decided_at IS NULL
"""
COMPARISONS = """
SELECT t.id, 'compare.versions', t.account_id, t.user_id, NULL, NULL, t.total, t.total <= 1048576,
    t.created_at
FROM tasks t JOIN comparisons c ON c.task_id = t.id
WHERE t.status IN ('queued', 'running')
"""
DERIVATIONS = """
SELECT d.run_id, 'derive.version', d.account_id, v.created_by, NULL, NULL, v.size,
    v.size <= 1048576, d.requested_at
FROM derivatives d JOIN versions v ON v.id = d.version_id
WHERE d.status = 'pending'
"""
DBOS_TABLES = (
    "operation_outputs",
    "workflow_events_history",
    "workflow_events",
    "notifications",
    "streams",
    "workflow_input",
    "workflow_output",
    "workflow_schedules",
    "workflow_status",
    "application_versions",
    "queues",
    "dbos_migrations",
)
"""DBOS's tables on SQLite, those that refer to others first; on PostgreSQL they have a schema."""


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "queue_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("version", sa.Integer()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("short", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), server_default="waiting", nullable=False),
        sa.Column("enqueued_at", UtcTime(), nullable=False),
        sa.Column("not_before", UtcTime()),
        sa.Column("owner", sa.String(length=64)),
        sa.Column("lease", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_at", UtcTime()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("postponed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "(state = 'running') = (owner IS NOT NULL)",
            name=op.f("ck_queue_entries_owned_while_running"),
        ),
        sa.CheckConstraint(
            "(file_id IS NULL) = (version IS NULL)", name=op.f("ck_queue_entries_ordered_whole")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_entries")),
    )
    op.create_index(
        "ix_queue_entries_by_sender",
        "queue_entries",
        ["account_id", "user_id", "short", "enqueued_at"],
    )
    op.create_index("ix_queue_entries_by_file", "queue_entries", ["file_id", "version"])
    for unended in (INSPECTIONS, CHECKS, COMPARISONS, DERIVATIONS):
        op.execute(INTO_QUEUE + unended)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SCHEMA IF EXISTS dbos CASCADE")
        return
    for table in DBOS_TABLES:
        op.drop_table(table, if_exists=True)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
