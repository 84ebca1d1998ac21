"""Entitlements of other users and accounts, and offers of a file to another account."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "entitlements",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("grantee_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("reads", sa.Boolean(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "grantee_id = coalesce(user_id, account_id)", name=op.f("ck_entitlements_grantee")
        ),
        sa.CheckConstraint("reads OR writes", name=op.f("ck_entitlements_something")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_entitlements_account_id")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_entitlements_file_id")),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["users.id"], name=op.f("fk_entitlements_granted_by")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_entitlements_user_id")),
        sa.PrimaryKeyConstraint("file_id", "grantee_id", name=op.f("pk_entitlements")),
    )
    op.create_index(
        "ix_entitlements_by_grantee",
        "entitlements",
        ["grantee_id", "file_created_at", "file_id"],
        unique=False,
    )
    op.create_index(op.f("ix_entitlements_user_id"), "entitlements", ["user_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("offered_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_offers_file_id")),
        sa.ForeignKeyConstraint(["offered_by"], ["users.id"], name=op.f("fk_offers_offered_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_offers_user_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_offers")),
    )
    op.create_index(op.f("ix_offers_user_id"), "offers", ["user_id"], unique=False)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
