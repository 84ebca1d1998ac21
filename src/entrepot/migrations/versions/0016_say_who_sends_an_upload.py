"""Who sends an upload, and to which file: shares of senders, and the end of what they may not send.

What an earlier release reserves meanwhile counts as the account's own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    for name in ("user_id", "key_id", "sender_account_id", "file_id"):
        op.add_column("reservations", sa.Column(name, sa.Uuid(), nullable=True))
    op.create_index("ix_reservations_by_user", "reservations", ["user_id"], unique=False)
    op.create_index("ix_reservations_by_file", "reservations", ["file_id"], unique=False)
    # Of resumable uploads that are under way the sender is known; the file is in their metadata.
    op.execute(
        "UPDATE reservations SET user_id ="
        " (SELECT uploads.user_id FROM uploads WHERE uploads.id = reservations.id)"
    )
    op.execute(
        "UPDATE reservations SET sender_account_id ="
        " (SELECT users.account_id FROM users WHERE users.id = reservations.user_id)"
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
