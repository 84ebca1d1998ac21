"""Uploads that outlive their requests."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unproven", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("if_match", sa.Text(), nullable=True),
        sa.Column("concat", sa.String(length=8), nullable=True),
        sa.Column("parts", sa.JSON(), nullable=True),
        sa.Column("joined_into", sa.Uuid(), nullable=True),
        sa.Column("request_key", sa.String(length=255), nullable=True),
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("received >= 0 AND received <= size", name=op.f("ck_uploads_received")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_uploads_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("user_id", "request_key", name=op.f("uq_uploads_user_id_request_key")),
    )
    op.create_index("ix_uploads_by_account", "uploads", ["account_id"], unique=False)
    op.create_index("ix_uploads_expiring", "uploads", ["expires_at"], unique=False)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
