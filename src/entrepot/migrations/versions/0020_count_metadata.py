"""Count the bytes of metadata by account, with triggers.

Each trigger writes how much a row's texts changed. A file's revisions and comparisons count for the
file's account, a version's report for the version's: they move with it. Reads are not counted. A
later migration that makes one of these tables anew, as SQLite needs for some changes, has to make
its triggers anew too.
"""
# ruff: noqa: S608 - all texts are constants of this module

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ROW_BYTES = 256
"""What an activity row counts beside its detail."""


@dataclass(frozen=True)
class Counted:
    """A table whose `columns` count for the account that `account` says, an expression on its row
    `{r}`."""

    table: str
    columns: tuple[str, ...]
    account: str
    key: str = ""
    extra: int = 0
    condition: str = ""


FILE_ACCOUNT = "(SELECT account_id FROM files WHERE files.id = {r}.file_id)"
TABLES = (
    Counted("files", ("description", "dialect", "retention"), "{r}.account_id"),
    Counted("checks", ("schema", "dialect", "changes", "report"), "{r}.account_id"),
    Counted("schema_revisions", ("schema", "dialect", "changes"), FILE_ACCOUNT, "file_id"),
    Counted("comparisons", ("key", "result"), FILE_ACCOUNT, "file_id"),
    Counted(
        "inspections",
        ("report", "profile", "schema", "dialect", "columns"),
        "(SELECT account_id FROM versions WHERE versions.id = {r}.version_id)",
        "version_id",
    ),
    Counted(
        "activity", ("detail",), "{r}.account_id", "", ROW_BYTES, "{r}.action <> 'version.read'"
    ),
)
PARENTS = {"files": ("schema_revisions", "comparisons"), "versions": ("inspections",)}
"""Tables whose rows take the metadata of others along when they change their account."""


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "metadata_changes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metadata_changes")),
    )
    op.create_index(
        "ix_metadata_changes_by_account", "metadata_changes", ["account_id", "bytes"], unique=False
    )
    dialect = op.get_bind().dialect.name
    for counted in TABLES:
        for statement in _triggers(counted, dialect):
            op.execute(sa.text(statement))
        account, where = counted.account.format(r=counted.table), _where(counted, counted.table)
        op.execute(
            sa.text(
                "INSERT INTO metadata_changes (account_id, bytes)"
                f" SELECT {account}, sum({_size(counted, counted.table, dialect)})"
                f" FROM {counted.table} WHERE {where} GROUP BY 1"
            )
        )
    for parent in PARENTS:
        for statement in _moves(parent, dialect):
            op.execute(sa.text(statement))


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError


def _size(counted: Counted, row: str, dialect: str) -> str:
    lengths = (
        f"coalesce(octet_length(CAST({row}.{column} AS text)), 0)"
        if dialect == "postgresql"
        else f"coalesce(length(CAST({row}.{column} AS BLOB)), 0)"
        for column in counted.columns
    )
    return " + ".join([*lengths, str(counted.extra)])


def _where(counted: Counted, row: str) -> str:
    return counted.condition.format(r=row) or "1 = 1"


def _count(counted: Counted, row: str, sign: str, dialect: str) -> str:
    """The statement that counts a row of a trigger."""
    account, size = counted.account.format(r=row), _size(counted, row, dialect)
    return (
        f"INSERT INTO metadata_changes (account_id, bytes) SELECT {account}, {sign}({size})"
        f" WHERE {_where(counted, row)};"
    )


def _triggers(counted: Counted, dialect: str) -> list[str]:
    columns = ", ".join(
        (*counted.columns, *(("account_id",) if "account_id" in counted.account[:15] else ()))
    )
    added = _count(counted, "NEW", "", dialect)
    removed = _count(counted, "OLD", "-", dialect)
    events = {
        "INSERT": added,
        "DELETE": removed,
        f"UPDATE OF {columns}": f"{removed} {added}",
    }
    return [
        statement
        for event, body in events.items()
        for statement in _trigger(counted.table, event, body, dialect)
    ]


def _moves(parent: str, dialect: str) -> list[str]:
    body = ""
    for counted in TABLES:
        if counted.table in PARENTS[parent]:
            size = _size(counted, "t", dialect)
            for row, sign in (("OLD", "-"), ("NEW", "")):
                body += (
                    f"INSERT INTO metadata_changes (account_id, bytes)"
                    f" SELECT {row}.account_id, {sign}coalesce(sum({size}), 0)"
                    f" FROM {counted.table} AS t WHERE t.{counted.key} = OLD.id"
                    " AND OLD.account_id <> NEW.account_id; "
                )
    return _trigger(parent, "UPDATE OF account_id", body, dialect, "moved")


def _trigger(table: str, event: str, body: str, dialect: str, prefix: str = "counted") -> list[str]:
    name = f"{prefix}_{table}_{event.split(maxsplit=1)[0].lower()}"
    if dialect != "postgresql":
        return [f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW BEGIN {body} END"]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]
