"""Links to files, and which one a version was delivered with."""

import sqlalchemy as sa
from alembic import op

from entrepot.db.types import UtcTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up. An older server knows no links: their addresses answer 404."""
    op.create_table(
        "file_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("form", sa.String(8), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("downloads", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.CheckConstraint("kind IN ('read', 'deliver')", name=op.f("ck_file_links_kind")),
        sa.CheckConstraint(
            "kind = 'read' OR (form IS NULL AND version IS NULL)",
            name=op.f("ck_file_links_what_is_read"),
        ),
        sa.CheckConstraint("max_uses > 0", name=op.f("ck_file_links_max_uses")),
        sa.CheckConstraint(
            "downloads >= 0 AND downloads <= coalesce(max_uses, downloads)",
            name=op.f("ck_file_links_uses"),
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_file_links_file_id")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_file_links_created_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_file_links_digest")),
    )
    op.create_index("ix_file_links_by_file", "file_links", ["file_id", "created_at", "id"])
    op.create_table(
        "link_downloads",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["file_links.id"],
            name=op.f("fk_link_downloads_link_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("link_id", "network", "version", name=op.f("pk_link_downloads")),
    )
    op.add_column("versions", sa.Column("link_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_versions_link_id"), "versions", ["link_id"])


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
