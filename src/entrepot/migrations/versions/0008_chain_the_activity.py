"""Activity rows that are chained, so that tampering with them is seen."""

import sqlalchemy as sa
from alembic import op

from entrepot.activity.chain import chain_whole
from entrepot.db.types import Reading, Writing

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("activity", sa.Column("hash", sa.String(length=64), nullable=True))
    op.create_table(
        "activity_heads",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_activity_heads_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_activity_heads")),
    )
    chain_whole(Writing(Reading(op.get_bind())))


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
