"""Count what the rows of resumable uploads keep of their requests as metadata, with triggers.

A row stays until a day after the upload's end. A later migration that makes the table anew, as
SQLite needs for some changes, has to make its triggers anew too.
"""
# ruff: noqa: S608 - all texts are constants of this module

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COLUMNS = ("told", "if_match", "parts")
LENGTHS = {
    "postgresql": "coalesce(octet_length(CAST({row}.{column} AS text)), 0)",
    "sqlite": "coalesce(length(CAST({row}.{column} AS BLOB)), 0)",
}


def upgrade() -> None:
    """Go up."""
    dialect = op.get_bind().dialect.name
    added, removed = _count("NEW", "", dialect), _count("OLD", "-", dialect)
    events = {
        "INSERT": added,
        "DELETE": removed,
        f"UPDATE OF account_id, {', '.join(COLUMNS)}": f"{removed} {added}",
    }
    for event, body in events.items():
        for statement in _trigger(event, body, dialect):
            op.execute(sa.text(statement))
    op.execute(
        sa.text(
            "INSERT INTO metadata_changes (account_id, bytes)"
            f" SELECT account_id, sum({_size('uploads', dialect)}) FROM uploads GROUP BY account_id"
        )
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError


def _size(row: str, dialect: str) -> str:
    return " + ".join(LENGTHS[dialect].format(row=row, column=column) for column in COLUMNS)


def _count(row: str, sign: str, dialect: str) -> str:
    """The statement that counts a row of a trigger."""
    size = _size(row, dialect)
    return (
        f"INSERT INTO metadata_changes (account_id, bytes) SELECT {row}.account_id, {sign}({size})"
        f" WHERE ({size}) <> 0;"
    )


def _trigger(event: str, body: str, dialect: str) -> list[str]:
    name = f"counted_uploads_{event.split(maxsplit=1)[0].lower()}"
    if dialect != "postgresql":
        return [f"CREATE TRIGGER {name} AFTER {event} ON uploads FOR EACH ROW BEGIN {body} END"]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {event} ON uploads FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]
