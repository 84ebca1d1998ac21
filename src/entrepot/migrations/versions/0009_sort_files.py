"""Keys and indexes by which lists of files are searched and sorted."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT_ONCE = 10_000
INDEXES = {
    "ix_files_by_account_name": ["account_id", "name_key", "id"],
    "ix_files_by_owner_name": ["owner_id", "name_key", "id"],
    "ix_files_by_account_update": ["account_id", "updated_at", "id"],
    "ix_files_by_owner_update": ["owner_id", "updated_at", "id"],
    "ix_files_by_account_size": ["account_id", "current_size", "id"],
    "ix_files_by_owner_size": ["owner_id", "current_size", "id"],
}

# Hexadecimal, since FTS5's tokenizer knows letters and digits of ASCII.
SQLITE_GRAMS = """(
    WITH RECURSIVE
        places(place) AS (
            VALUES (1) UNION ALL SELECT place + 1 FROM places WHERE place < length({row}.name_key)
        ),
        widths(width) AS (VALUES (2), (3))
    SELECT group_concat(
        substr({row}.account_id, 1, 8) || hex(substr({row}.name_key, place, width)), ' '
    )
    FROM places, widths WHERE place + width - 1 <= length({row}.name_key)
)"""
GRAMS = {row: SQLITE_GRAMS.format(row=row) for row in ("files", "old", "new")}
# A rowid of its own, since those of `files` may change whenever SQLite is told to VACUUM.
SQLITE = (
    """CREATE TABLE file_numbers (
        number INTEGER PRIMARY KEY, file_id CHAR(32) NOT NULL UNIQUE REFERENCES files (id)
    )""",
    """CREATE VIRTUAL TABLE file_search USING fts5(
        grams, content='', detail=none, columnsize=0, tokenize='ascii'
    )""",
    "INSERT INTO file_numbers (file_id) SELECT id FROM files ORDER BY created_at, id",
    """INSERT INTO file_search (rowid, grams)
        SELECT number, {files}
        FROM file_numbers JOIN files ON files.id = file_numbers.file_id""",
    """CREATE TRIGGER file_search_insert AFTER INSERT ON files BEGIN
        INSERT INTO file_numbers (file_id) VALUES (new.id);
        INSERT INTO file_search (rowid, grams)
            SELECT number, {new} FROM file_numbers WHERE file_id = new.id;
    END""",
    """CREATE TRIGGER file_search_update AFTER UPDATE OF name_key, account_id ON files
    WHEN old.name_key != new.name_key OR old.account_id != new.account_id BEGIN
        INSERT INTO file_search (file_search, rowid, grams)
            SELECT 'delete', number, {old} FROM file_numbers WHERE file_id = old.id;
        INSERT INTO file_search (rowid, grams)
            SELECT number, {new} FROM file_numbers WHERE file_id = new.id;
    END""",
)
POSTGRESQL = (
    """CREATE FUNCTION file_grams(account uuid, key text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(array_agg(left(account::text, 8) || substr(key, place, width)), '{}')
        FROM generate_series(1, length(key)) AS place, (VALUES (2), (3)) AS widths (width)
        WHERE place + width - 1 <= length(key)
    $$""",
    "CREATE INDEX ix_files_by_grams ON files USING gin (file_grams(account_id, name_key))",
)


def upgrade() -> None:
    """Go up."""
    kind = sa.String(600).with_variant(sa.String(600, collation="C"), "postgresql")
    op.add_column(
        "files", sa.Column("name_key", kind, server_default=sa.text("''"), nullable=False)
    )
    size = sa.Column("current_size", sa.BigInteger(), server_default="-1", nullable=False)
    op.add_column("files", size)
    _fill()
    for name, columns in INDEXES.items():
        op.create_index(name, "files", columns, unique=False)
    if op.get_bind().dialect.name == "sqlite":
        statements = [statement.format(**GRAMS) for statement in SQLITE]
    else:
        statements = list(POSTGRESQL)
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError


def _fill() -> None:
    """Give the files that are there their keys, so many at a time, and their sizes."""
    conn = op.get_bind()
    files = sa.table(
        "files",
        sa.column("id", sa.Uuid),
        sa.column("name", sa.Text),
        sa.column("name_key", sa.Text),
    )
    page = sa.select(files.c.id, files.c.name).order_by(files.c.id).limit(AT_ONCE)
    keyed = (
        sa.update(files)
        .where(files.c.id == sa.bindparam("file_id"))
        .values(name_key=sa.bindparam("key"))
    )
    rows = conn.execute(page).all()
    while rows:
        conn.execute(keyed, [{"file_id": row.id, "key": _folded(row.name)} for row in rows])
        rows = conn.execute(page.where(files.c.id > rows[-1].id)).all()
    conn.exec_driver_sql(
        "UPDATE files SET current_size = (SELECT size FROM versions"
        " WHERE versions.file_id = files.id AND versions.number = files.current_version)"
        " WHERE current_version IS NOT NULL"
    )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())[:600]
