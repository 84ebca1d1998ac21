"""Indexes along which keys, users, entitlements and offers are listed, and the account of a key."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OWNERS = "UPDATE keys SET account_id = (SELECT account_id FROM users WHERE users.id = keys.user_id)"


def upgrade() -> None:
    """Go up."""
    op.add_column("keys", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.execute(OWNERS)
    with op.batch_alter_table("keys") as keys:
        keys.alter_column("account_id", existing_type=sa.Uuid(), nullable=False)
        keys.create_foreign_key(op.f("fk_keys_account_id"), "accounts", ["account_id"], ["id"])
    live = sa.text("revoked_at IS NULL")
    for whose in ("user", "account"):
        op.create_index(
            f"ix_keys_live_by_{whose}",
            "keys",
            [f"{whose}_id", "created_at", "id"],
            sqlite_where=live,
            postgresql_where=live,
        )
    op.create_index("ix_users_by_account", "users", ["account_id", "created_at", "id"])
    op.create_index(
        "ix_entitlements_by_file", "entitlements", ["file_id", "created_at", "grantee_id"]
    )
    op.create_index("ix_offers_by_user", "offers", ["user_id", "created_at", "file_id"])
    op.drop_index(op.f("ix_offers_user_id"), "offers")


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
