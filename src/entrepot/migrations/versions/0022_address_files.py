"""Paths of files, by which they are addressed in their account."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up. An older server leaves the paths alone; a file that it deletes holds its path until
    it is undeleted or purged."""
    op.add_column("files", sa.Column("path", sa.String(255), nullable=True))
    op.add_column("files", sa.Column("path_key", sa.String(255), nullable=True))
    op.create_index("uq_files_by_path", "files", ["account_id", "path_key"], unique=True)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
