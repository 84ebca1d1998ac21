"""Refused versions that are accepted all the same, or replaced by a correction."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("versions", sa.Column("accepted_from", sa.Integer(), nullable=True))
    op.add_column("versions", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("versions", sa.Column("replaces", sa.Integer(), nullable=True))


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
