"""Tasks do not count their starts: entries of the queue count their claims."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.drop_column("tasks", "starts")


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
