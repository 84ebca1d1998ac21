"""Versions that their file's owner withdrew, and files of which nothing else is published."""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("files", sa.Column("withdrawn_at", UtcTime(), nullable=True))
    op.add_column("versions", sa.Column("withdrawn_at", UtcTime(), nullable=True))
    op.add_column("versions", sa.Column("withdrawn_by", sa.String(140), nullable=True))
    op.add_column("versions", sa.Column("withdrawal_reason", sa.Text(), nullable=True))
    op.add_column(
        "versions", sa.Column("purged", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
