"""A version in one of the forms that the server makes, for the API and the pages alike."""

from uuid import UUID

from entrepot.errors import DerivativeFailed, DerivativePending, EntrepotError
from entrepot.files.forms.read_form import USE_RECORD_INTERVAL, find_form, request_form
from entrepot.files.forms.rejected_rows import request_rejected_rows
from entrepot.files.versions import PublishedVersion
from entrepot.http.deps import UnitOfWork
from entrepot.inspection.results import Form


async def form_of(
    work: UnitOfWork, file_id: UUID, form: Form, version: int | None
) -> PublishedVersion:
    """The form, ready to be sent; if it is not there, it is to be made from now on.

    Raises DerivativePending until it is there, DerivativeFailed, VersionNotTabular, NotFound and
    NoPublishedVersion.
    """
    found = await work.cached_read(find_form, file_id, form, version)
    if found is not None and work.now - found.used_at < USE_RECORD_INTERVAL:
        return found.published
    queue = work.parts.queue
    return _answered(work, await work.write(request_form, file_id, form, version, queue, work.now))


async def rejected_rows(work: UnitOfWork, file_id: UUID, version: int | None) -> PublishedVersion:
    """The rejected rows of a version; if they are not there, they are to be made from now on.

    Raises DerivativePending until they are there, and what `request_rejected_rows` raises.
    """
    queue = work.parts.queue
    return _answered(
        work, await work.write(request_rejected_rows, file_id, version, queue, work.now)
    )


def _answered(
    work: UnitOfWork, asked: PublishedVersion | DerivativePending | DerivativeFailed
) -> PublishedVersion:
    if isinstance(asked, EntrepotError):
        work.parts.queue.wake()
        raise asked
    return asked
