"""Check that each file is found by its name: the index of names has what the names are."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import bindparam, select, text

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import files
from entrepot.db.types import ReadConnection
from entrepot.files.names import trigrams
from entrepot.files.queries.search import NUMBERS, SEARCH, trigram_values


def files_are_found(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """The index of names finds each file by its own name.

    PostgreSQL keeps its index by itself, so here it is only asked whether it uses it.
    """
    del store, now
    if conn.dialect.name == "postgresql":
        index = (
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_files_by_grams')"
        )
        if not conn.scalar(text(index)):
            yield "the index ix_files_by_grams is missing or not valid"
        return
    numbered = files.outerjoin(NUMBERS, NUMBERS.c.file_id == files.c.id)
    rows = select(files.c.id, files.c.account_id, files.c.name_key, NUMBERS.c.number)
    by_grams = select(SEARCH.c.rowid).where(
        SEARCH.c.file_search.op("MATCH")(bindparam("grams")), SEARCH.c.rowid == bindparam("number")
    )
    for row in conn.execute(rows.select_from(numbered).execution_options(yield_per=500)):
        if row.number is None:
            yield f"file {row.id} is not found by its name: it has no number"
        elif trigrams(row.name_key):
            values = trigram_values(row.account_id, row.name_key, embedded=True)
            if conn.scalar(by_grams, {**values, "number": row.number}) is None:
                yield f"file {row.id} is not found by its name {row.name_key!r}"
