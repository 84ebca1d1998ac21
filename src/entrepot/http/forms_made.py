"""A version in one of the forms that the server makes, for the API and the pages alike."""

from uuid import UUID

from entrepot.errors import EntrepotError
from entrepot.files.read_form import NOTED_EVERY, ask_for_form, find_form
from entrepot.files.versions import Published
from entrepot.http.deps import Work
from entrepot.inspection.results import Form


async def form_of(work: Work, file_id: UUID, form: Form, version: int | None) -> Published:
    """The form, ready to be sent; if it is not there, it is to be made from now on.

    Raises DerivativePending until it is there, DerivativeFailed, VersionNotTabular, NotFound and
    NoPublishedVersion.
    """
    found = await work.recall(find_form, file_id, form, version)
    if found is not None and work.now - found.used_at < NOTED_EVERY:
        return found.published
    queue = work.parts.queue
    asked = await work.write(ask_for_form, file_id, form, version, queue, work.now)
    if isinstance(asked, EntrepotError):
        queue.wake()
        raise asked
    return asked
