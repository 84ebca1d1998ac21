"""Keep derivatives of versions, and the profile's columns, which are measured with them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("inspections", sa.Column("columns", sa.JSON(), nullable=True))
    op.create_table(
        "derivatives",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=True),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("starts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("ck_derivatives_size")),
        sa.CheckConstraint(
            "(status = 'ready') = (blob_id IS NOT NULL)",
            name=op.f("ck_derivatives_bytes_if_ready"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_derivatives_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_derivatives_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "form", name=op.f("pk_derivatives")),
        sa.UniqueConstraint("blob_id", name=op.f("uq_derivatives_blob_id")),
        sa.UniqueConstraint("run_id", name=op.f("uq_derivatives_run_id")),
    )
    op.create_index(
        "ix_derivatives_by_account", "derivatives", ["account_id", "used_at"], unique=False
    )
    op.create_index("ix_derivatives_by_use", "derivatives", ["status", "used_at"], unique=False)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
