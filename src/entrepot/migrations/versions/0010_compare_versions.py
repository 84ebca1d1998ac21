"""Comparisons of two versions of a file."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "comparisons",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("before_id", sa.Uuid(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.JSON(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_comparisons_file_id")),
        sa.ForeignKeyConstraint(
            ["before_id"], ["versions.id"], name=op.f("fk_comparisons_before_id")
        ),
        sa.ForeignKeyConstraint(
            ["after_id"], ["versions.id"], name=op.f("fk_comparisons_after_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_comparisons_created_by")
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_comparisons")),
    )
    op.create_index(op.f("ix_comparisons_before_id"), "comparisons", ["before_id"])
    op.create_index(op.f("ix_comparisons_after_id"), "comparisons", ["after_id"])


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
