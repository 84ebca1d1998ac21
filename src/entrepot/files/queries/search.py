"""The index by which files are found by a part of their name: its trigrams, kept by the database.

A trigram here is two or three characters of `files.names.fold_name`, after the first 8 digits of
the account's id: a search reads nothing of another account, and cannot be timed by what those have.
SQLite keeps them in the FTS5 table `file_search` by triggers, PostgreSQL in a GIN index on the
function `file_grams`; both are made by migration 0009. ADR 0022 says why these.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Text, bindparam, column, func, select, table

from entrepot.db.tables import files
from entrepot.files.names import trigrams

NUMBERS = table("file_numbers", column("number"), column("file_id"))
SEARCH = table("file_search", column("rowid"), column("file_search"))


def with_trigrams(embedded: bool) -> CTE:
    """The files that have all grams of a search, in any state; `trigram_values` fills it in.

    It is worked out by itself and first: left a choice, the planners, who know little of how
    often a gram occurs, may look through a whole account instead.
    """
    if embedded:
        numbered = SEARCH.join(NUMBERS, NUMBERS.c.number == SEARCH.c.rowid)
        query = select(files).select_from(numbered.join(files, files.c.id == NUMBERS.c.file_id))
        query = query.where(SEARCH.c.file_search.op("MATCH")(bindparam("grams")))
    else:
        from sqlalchemy.dialects.postgresql import ARRAY  # as in `db.inserts`

        trigram_array: Any = func.file_grams(
            files.c.account_id, files.c.name_key, type_=ARRAY(Text)
        )
        query = select(files).where(trigram_array.contains(bindparam("grams", type_=ARRAY(Text))))
    return query.cte("found").prefix_with("MATERIALIZED")


def trigram_values(account_id: UUID, key: str, embedded: bool) -> dict[str, Any]:
    """The parameters of `with_grams` for a text that `folded` made."""
    scope = account_id.hex[:8]
    if embedded:
        terms = (f'"{scope}{gram.encode().hex().upper()}"' for gram in trigrams(key))
        return {"grams": " AND ".join(terms)}
    return {"grams": [scope + gram for gram in trigrams(key)]}
