"""Further versions of files, restored and deleted ones, retention, answers to repeated requests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("versions", sa.Column("restored_from", sa.Integer(), nullable=True))
    op.add_column("versions", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "versions",
        sa.Column("spared", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("files", sa.Column("retention", sa.JSON(), nullable=True))
    op.add_column("files", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("files", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_files_deleted", "files", ["deleted_at"], unique=False)
    op.add_column("inspections", sa.Column("revision", sa.Integer(), nullable=True))
    op.create_table(
        "replies",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(task_id IS NULL) = (fingerprint IS NULL)", name=op.f("ck_replies_answered_whole")
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_replies")),
    )
    op.create_index("ix_replies_expiring", "replies", ["expires_at"], unique=False)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
