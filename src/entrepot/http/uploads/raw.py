"""Receive a delivery whose bytes are the whole body: what `curl -T` and other tools send."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    FieldInvalid,
    MediaTypeUnsupported,
    NotFound,
    ShuttingDown,
)
from entrepot.files.delivery.define import Definition
from entrepot.files.delivery.uploads import (
    Admission,
    AnyUpload,
    CommitContext,
    UploadTarget,
)
from entrepot.files.paths import check_path, claim_path
from entrepot.files.queries.addresses import find_path
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.body import content_length
from entrepot.http.uploads.body_upload import BodyUpload
from entrepot.http.uploads.form import find_reply
from entrepot.http.uploads.idempotency import idempotency_key
from entrepot.http.uploads.small import open_uploads
from entrepot.http.uploads.target import Condition, NewFile, NextVersion
from entrepot.schemas.enforcement import Enforcement
from entrepot.tasks.records import TaskId


@dataclass(frozen=True)
class AddressTarget:
    """The next version of the file at an address; or a new file there, if a `size_limit` (bytes)
    defines it and the address is in the sender's own account. With `must_exist` never a new file.

    Which of the two is known when the bytes begin to come, and again when they have come.
    """

    account: str
    path: str
    size_limit: int | None = None
    condition: Condition | None = None
    must_exist: bool = False

    @property
    def file_name(self) -> str:
        """What the sender calls it: the end of the path."""
        return self.path.rpartition("/")[2]

    def admit(self, conn: WriteConnection, actor: Actor) -> Admission:
        """The file's account and limit, or the sender's. Raises NotFound, NotAllowed, PathTaken,
        FieldInvalid, PreconditionFailed."""
        target = self._target(conn, actor)
        admission = target.admit(conn, actor)
        if isinstance(target, NewFile):
            claim_path(conn, actor.account_id, self.path)
        return admission

    def require_access(self, conn: ReadConnection, actor: Actor) -> None:
        """Check that the actor may still deliver. Raises NotFound, NotAllowed."""
        self._target(conn, actor).require_access(conn, actor)

    def commit(
        self, conn: WriteConnection, actor: Actor, upload: AnyUpload, context: CommitContext
    ) -> TaskId:
        """Make the version, or the file. Raises what `admit` raises, FileTooLarge,
        UploadInterrupted."""
        return self._target(conn, actor).commit(conn, actor, upload, context)

    def _target(self, conn: ReadConnection, actor: Actor) -> NewFile | NextVersion:
        file_id = find_path(conn, actor, self.account, self.path)
        if file_id is not None:
            return NextVersion(str(file_id), self.condition, self.file_name)
        if self.size_limit is None or self.account != actor.account or self.must_exist:
            raise NotFound
        path = check_path(self.path)
        enforcement = Enforcement("none")
        return NewFile(Definition(self.file_name, "", self.size_limit, enforcement, path=path))


async def receive_raw(
    request: Request,
    work: UnitOfWork,
    target: UploadTarget,
    request_name: str | None,
    file_name: str,
) -> TaskId:
    """Take the body as it streams in; it is delivered as a whole, or nothing stays. Its task.

    `request_name` is what is asked, for a request that is repeated by an Idempotency-Key; None: it
    is not repeatable. Raises what is wrong with the body, its size, or with the caller.
    """
    if work.runtime.draining:
        raise ShuttingDown
    _require_whole_body(request)
    key = idempotency_key(request) if request_name is not None else None
    for opened, chunks in await open_uploads(request, work, target, key):
        async with opened as upload_session:
            await _read_body(chunks, upload_session, content_length(request))
            if upload_session.received == 0:
                raise FieldInvalid("body", "is empty; nothing was stored.", "curl -T orders.csv")
            upload = await upload_session.finish()
            replayed, reply = await find_reply(
                upload_session, key, (request_name or "", file_name, {}), upload
            )
            if replayed is not None:
                return replayed
            return await upload_session.commit(target, upload, reply)
    raise AssertionError("the last way to receive a body ends with an answer or an error")


async def _read_body(
    chunks: AsyncIterator[bytes], upload_session: BodyUpload, length: int | None
) -> None:
    if length is not None:
        upload_session.reject_oversized(length)
        upload_session.set_expected_size(length)
    async for chunk in chunks:
        await upload_session.take(chunk)


def _require_whole_body(request: Request) -> None:
    """Refuse a body that is not exactly the file. Raises MediaTypeUnsupported, FieldInvalid."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("multipart/"):
        expected = "the bytes of the file themselves, as `curl -T` sends them"
        raise MediaTypeUnsupported(received=media_type[:100], expected=expected)
    if "content-range" in request.headers:
        # RFC 9110, section 14.5: else a part would be published as the whole.
        reason = "is not supported: a delivery is sent whole; resume it at /api/v1/uploads (tus)."
        raise FieldInvalid("Content-Range", reason)
