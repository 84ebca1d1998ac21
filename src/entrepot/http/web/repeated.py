"""Repeat an act, as a second click or another tab does: what is done already succeeds.

The form of an act that makes something new has a value for a single use in its address. A form that
is sent twice with it makes one thing, and both answers are the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request

from entrepot.accounts.actor import Actor
from entrepot.accounts.secrets import repeated_bytes
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    FieldInvalid,
    KeyReused,
    NothingToUndo,
    RequestUnderWay,
    VersionNotPublished,
)
from entrepot.files.queries.versions_list import get_version
from entrepot.files.versions import VersionStatus
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.http.web.form import PageForm
from entrepot.http.web.session_work import PageWork
from entrepot.http.web.single_use import form_key
from entrepot.tasks.replies import Reply, find_reply

_TRIES, _PAUSE_SECONDS = 50, 0.1
"""How often an upload looks whether the first one of its form has ended."""


def sent_form(request: Request, form: PageForm | None = None) -> IdempotentRequest:
    """The form as a request that may be repeated. With other fields it is another request."""
    key, fields = form_key(request), urlencode(form.pairs() if form is not None else [])
    fingerprint = sha256(f"{request.url.path}?{fields}".encode()).hexdigest()
    return IdempotentRequest(key and f"{key} {fingerprint}", fingerprint)


def bytes_of_form(request: Request, work: PageWork, form: PageForm) -> bytes | None:
    """Random bytes for a secret: the same each time that this form is sent in this session, so that
    the secret can be shown again without being stored. None without a value of its own."""
    key = sent_form(request, form).key
    return repeated_bytes(work.parts.secret, f"{work.token} {key}") if key is not None else None


@asynccontextmanager
async def single_upload(request: Request, work: UnitOfWork) -> AsyncIterator[str | None]:
    """The key by which a form that is sent again is known, for `receive_form`. Raises FieldInvalid
    if it has another file or other fields then: what came is not kept, since it was taken for the
    same."""
    key = form_key(request)
    if key is not None:
        await _await_first_upload(work, key)
    try:
        yield key
    except KeyReused:
        reason = "was not stored: this form was sent before with other content. Send it again."
        raise FieldInvalid("file", reason) from None


async def _await_first_upload(work: UnitOfWork, key: str) -> None:
    """Wait a moment for an upload with this key: a browser breaks the first one off when its form
    is sent again, which the server notices a little later."""
    for _ in range(_TRIES):
        try:
            await work.write(_look_for_upload, key, work.now)
            return
        except RequestUnderWay:
            await asyncio.sleep(_PAUSE_SECONDS)


def _look_for_upload(conn: WriteConnection, actor: Actor, key: str, now: datetime) -> Reply | None:
    return find_reply(conn, actor.user_id, key, now)


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
