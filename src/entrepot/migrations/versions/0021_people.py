"""Suspended accounts, links that set a password, and the networks from which a key was used."""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up. An older server sees every link as one that signs in, and no account as suspended."""
    op.add_column("accounts", sa.Column("suspended_at", UtcTime()))
    op.add_column(
        "sign_in_links",
        sa.Column("sets_password", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "key_networks",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("first_used_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["keys.id"],
            name=op.f("fk_key_networks_key_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key_id", "network", name=op.f("pk_key_networks")),
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
