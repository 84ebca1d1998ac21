"""Blobs that a row named and let go."""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "released_blobs",
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("released_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("blob_id", name=op.f("pk_released_blobs")),
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
