"""Versions that break their contract are `rejected`, those that could not be inspected `failed`.

Both were `refused`. Activity is left as it is: its rows are chained, so what was recorded as
`version.refuse` stays, and readers know both words. No process of an older release runs meanwhile
that would write the old word: each holds the data folder's lock.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# From the record of decisions, read once: it has no index by action.
FAILED = """
UPDATE versions SET status = 'failed'
WHERE status = 'refused' AND (file_id, number) IN (
    SELECT file_id, version FROM activity WHERE action = 'version.fail'
)
"""
REJECTED = "UPDATE versions SET status = 'rejected' WHERE status = 'refused'"


def upgrade() -> None:
    """Go up."""
    op.execute(FAILED)
    op.execute(REJECTED)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
