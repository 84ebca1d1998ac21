"""Records as an older release wrote them."""

from uuid import UUID

from sqlalchemy import update
from tests.support.server import Server

from entrepot.activity.chain import chain_all_rows
from entrepot.db.tables import activity


def use_older_words(server: Server, file_id: str) -> None:
    """Have the record of a file say of its rejected versions what releases before 0012 said."""
    rejected = activity.c.file_id == UUID(file_id), activity.c.action == "version.reject"
    older = {"action": "version.refuse", "result": "refused"}
    with server.parts.database.writing() as conn:
        assert conn.execute(update(activity).where(*rejected).values(older)).rowcount
        chain_all_rows(conn)
