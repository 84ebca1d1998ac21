"""A version in one of the forms that the server makes, for the API and the pages alike."""

from uuid import UUID

from entrepot.errors import DerivativeFailed, DerivativePending, EntrepotError
from entrepot.files.forms.read_form import USE_RECORD_INTERVAL, find_form, request_form
from entrepot.files.forms.rejected_rows import request_rejected_rows
from entrepot.files.versions import PublishedVersion
from entrepot.http.deps import UnitOfWork
from entrepot.inspection.results import Form


async def get_form(
    work: UnitOfWork, file_id: UUID, form: Form, version: int | None
) -> PublishedVersion:
    """The form, ready to be sent; if it is not there, it is to be made from now on.

    Raises DerivativePending until it is there, DerivativeFailed, VersionNotTabular, NotFound and
    NoPublishedVersion.
    """
    ready = await work.cached_read(find_form, file_id, form, version)
    if ready is not None and work.now - ready.used_at < USE_RECORD_INTERVAL:
        return ready.published
    queue = work.parts.queue
    return _require_ready(
        work, await work.write(request_form, file_id, form, version, queue, work.now)
    )


async def rejected_rows(work: UnitOfWork, file_id: UUID, version: int | None) -> PublishedVersion:
    """The rejected rows of a version; if they are not there, they are to be made from now on.

    Raises DerivativePending until they are there, and what `request_rejected_rows` raises.
    """
    queue = work.parts.queue
    return _require_ready(
        work, await work.write(request_rejected_rows, file_id, version, queue, work.now)
    )


def _require_ready(
    work: UnitOfWork, outcome: PublishedVersion | DerivativePending | DerivativeFailed
) -> PublishedVersion:
    if isinstance(outcome, EntrepotError):
        work.parts.queue.wake()
        raise outcome
    return outcome
