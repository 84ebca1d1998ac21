"""A version in one of the forms that the server makes, for the API and the pages alike.

A request waits for a form that is being made, without a thread and for a bounded time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from entrepot.errors import DerivativeFailed, FormNotReady
from entrepot.files.derivative_space import EAGER
from entrepot.files.forms.read_form import (
    USE_RECORD_INTERVAL,
    PendingForm,
    find_form,
    find_newest_form,
    request_form,
)
from entrepot.files.forms.rejected_rows import REPORT_NAME, request_rejected_rows
from entrepot.files.versions import PublishedVersion
from entrepot.http.deps import UnitOfWork
from entrepot.http.limits.concurrency_limits import account_slot
from entrepot.inspection.results import Form

MAX_WAIT_SECONDS = 20.0
"""A request waits so long for a form: less than the timeouts of usual clients and proxies."""

Outcome = PublishedVersion | PendingForm | DerivativeFailed
Request = Callable[[UnitOfWork], Awaitable[Outcome]]


async def get_form(
    work: UnitOfWork,
    file_id: UUID,
    form: Form,
    version: int | None,
    wait_seconds: float = MAX_WAIT_SECONDS,
) -> PublishedVersion:
    """The form, ready to be sent. If it is not there, it is made, and waited for.

    Without a `version` it is that of the newest version which has it, if the newest one has none
    yet or none can be made; of a Parquet, which is made without being asked for, that is not waited
    for. Raises FormNotReady, TooManyFormWaits, DerivativeFailed, VersionNotTabular, NotFound and
    NoPublishedVersion.
    """
    ready = await work.cached_read(find_form, file_id, form, version)
    if ready is not None and work.now - ready.used_at < USE_RECORD_INTERVAL:
        return ready.published

    async def request(work: UnitOfWork) -> Outcome:
        queue = work.parts.queue
        return await work.write(request_form, file_id, form, version, queue, work.now)

    outcome = await request(work)
    if version is not None:
        return await _wait_until_made(work, outcome, form, request, wait_seconds)
    if isinstance(outcome, PendingForm) and form == EAGER:
        newest = await work.read(find_newest_form, file_id, form)
        if newest is not None:
            return newest.published
    try:
        return await _wait_until_made(work, outcome, form, request, wait_seconds)
    except (FormNotReady, DerivativeFailed):
        newest = await work.with_current_time().read(find_newest_form, file_id, form)
        if newest is None:
            raise
        return newest.published


async def rejected_rows(
    work: UnitOfWork,
    file_id: UUID,
    version: int | None,
    wait_seconds: float = MAX_WAIT_SECONDS,
) -> PublishedVersion:
    """The rejected rows of a version. If they are not there, they are made, and waited for.

    Raises FormNotReady, TooManyFormWaits, DerivativeFailed, and what `request_rejected_rows`
    raises.
    """

    async def request(work: UnitOfWork) -> Outcome:
        queue = work.parts.queue
        return await work.write(request_rejected_rows, file_id, version, queue, work.now)

    outcome = await request(work)
    return await _wait_until_made(work, outcome, REPORT_NAME, request, wait_seconds)


async def _wait_until_made(
    work: UnitOfWork, outcome: Outcome, form: str, request: Request, wait_seconds: float
) -> PublishedVersion:
    """What `request` returns once it is a version. Each look is made again as the actor, whose
    right may have ended meanwhile."""
    if isinstance(outcome, PublishedVersion):
        return outcome
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while isinstance(outcome, PendingForm):
        work.parts.queue.wake()
        changed = await _wait_for_run(work, outcome.run_id, deadline - loop.time())
        if not changed or work.runtime.draining:
            raise FormNotReady(format=form, retry_after=outcome.retry_after)
        work = work.with_current_time()
        outcome = await request(work)
    if isinstance(outcome, DerivativeFailed):
        raise outcome
    return outcome


async def _wait_for_run(work: UnitOfWork, run_id: UUID, seconds: float) -> bool:
    """Wait for the end of a run; False if it has not ended then. Raises TooManyFormWaits."""
    if seconds <= 0:
        return False
    watch = work.runtime.form_watch
    with (
        account_slot("form_waits", work.asgi_scope or {}),
        watch.follow_end(run_id) as follower,
    ):
        return await follower.wait(seconds)
