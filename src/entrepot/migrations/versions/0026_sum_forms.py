"""Sum up the bytes of forms by account and together, with triggers.

A row of `derivatives` counts while it is ready and its bytes are not the version's own. A later
migration that makes the table anew, as SQLite needs for some changes, has to make its triggers
anew too.
"""
# ruff: noqa: S608 - all texts are constants of this module

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BYTES = "CASE WHEN {r}.status = 'ready' AND {r}.blob_id <> {r}.version_id THEN {r}.size ELSE 0 END"


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "derivative_changes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derivative_changes")),
    )
    op.create_index(
        "ix_derivative_changes_by_account",
        "derivative_changes",
        ["account_id", "bytes"],
        unique=False,
    )
    dialect = op.get_bind().dialect.name
    added, removed = _count("NEW", "", dialect), _count("OLD", "-", dialect)
    events = {
        "INSERT": added,
        "DELETE": removed,
        "UPDATE OF account_id, version_id, status, blob_id, size": f"{removed} {added}",
    }
    for event, body in events.items():
        for statement in _trigger(event, body, dialect):
            op.execute(sa.text(statement))
    size = BYTES.format(r="derivatives")
    for account, group in (("account_id", "GROUP BY account_id"), (_everybody(dialect), "")):
        op.execute(
            sa.text(
                "INSERT INTO derivative_changes (account_id, bytes)"
                f" SELECT {account}, sum({size}) FROM derivatives {group}"
                f" HAVING sum({size}) > 0"
            )
        )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError


def _everybody(dialect: str) -> str:
    """The account that stands for all of them, as the database writes it."""
    if dialect == "postgresql":
        return "CAST('00000000-0000-0000-0000-000000000000' AS uuid)"
    return "'00000000000000000000000000000000'"


def _count(row: str, sign: str, dialect: str) -> str:
    """The statements that count a row of a trigger."""
    size = BYTES.format(r=row)
    return " ".join(
        f"INSERT INTO derivative_changes (account_id, bytes) SELECT {account}, {sign}({size})"
        f" WHERE ({size}) <> 0;"
        for account in (f"{row}.account_id", _everybody(dialect))
    )


def _trigger(event: str, body: str, dialect: str) -> list[str]:
    name = f"counted_derivatives_{event.split(maxsplit=1)[0].lower()}"
    if dialect != "postgresql":
        return [f"CREATE TRIGGER {name} AFTER {event} ON derivatives FOR EACH ROW BEGIN {body} END"]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {event} ON derivatives FOR EACH ROW"
        f" EXECUTE FUNCTION {name}()",
    ]
