"""Activity that says from where and with what result, and is chained; reads that go on."""

import sqlalchemy as sa
from alembic import op

from entrepot.activity.chain import chain_all_rows
from entrepot.db.types import ReadConnection, WriteConnection

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAMES = """
UPDATE activity SET user_name = (
    SELECT accounts.name || ':' || users.name
    FROM users JOIN accounts ON accounts.id = users.account_id WHERE users.id = activity.user_id
)
"""
RESULTS = """
UPDATE activity SET result = CASE action
    WHEN 'version.refuse' THEN 'refused' WHEN 'version.fail' THEN 'failed'
    WHEN 'version.cancel' THEN 'canceled' ELSE 'done' END
"""


def upgrade() -> None:
    """Go up."""
    for name, length in (
        ("user_name", 140),
        ("address", 64),
        ("request_id", 32),
        ("result", 20),
        ("hash", 64),
    ):
        op.add_column("activity", sa.Column(name, sa.String(length), nullable=True))
    op.create_index("ix_activity_by_user", "activity", ["user_id", "id"])
    op.create_table(
        "activity_heads",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_activity_heads_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_activity_heads")),
    )
    op.create_table(
        "open_reads",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(length=140), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=32), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=20), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("broken_off", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_open_reads_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_reads")),
    )
    op.create_index("ix_open_reads_by_end", "open_reads", ["last_at"])
    op.execute(NAMES)
    op.execute(RESULTS)
    chain_all_rows(WriteConnection(ReadConnection(op.get_bind())))


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
