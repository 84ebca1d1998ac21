"""Tasks do not count their starts: entries of the queue count their claims.

The column `tasks.starts` stays, with its default: workers of the release before write it while
hosts are upgraded one by one. It is removed one release later.
"""

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
