"""Repeat an act, as a second click or another tab does: what is done already succeeds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from entrepot.errors import NothingToUndo, VersionNotPublished
from entrepot.files.queries.versions_list import get_version
from entrepot.files.versions import VersionStatus
from entrepot.http.web.session_work import PageWork


@asynccontextmanager
async def done_already(
    work: PageWork, file_id: UUID, number: int, status: VersionStatus
) -> AsyncIterator[None]:
    """Let an act pass that is to give a version the `status` which it has. Raises what the act
    raises, if the version has another one."""
    try:
        yield
    except (VersionNotPublished, NothingToUndo):
        version = await work.read(get_version, file_id, number)
        if version.status != status:
            raise
