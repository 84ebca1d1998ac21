"""Checks of new schemas say which version they were made with."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("checks", sa.Column("version", sa.Integer(), nullable=True))


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
