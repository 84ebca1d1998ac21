"""What receivers of shares have decided on other accounts."""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "senders",
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(8), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.CheckConstraint("decision IN ('accepted', 'blocked')", name=op.f("ck_senders_decision")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_senders_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("receiver_id", "account_id", name=op.f("pk_senders")),
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
