"""Compare two versions of a file."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.types import WriteConnection
from entrepot.files.comparisons import (
    VersionPair,
    comparison_text,
    get_comparison,
    request_comparison,
)
from entrepot.http.api.models.inspections import VersionComparison
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.openapi.answers import ACCEPTED, GONE, REPEATING, problems
from entrepot.http.api.uploads import accepted_response
from entrepot.http.deps import ReadWork, UnitOfWork
from entrepot.http.parameters import (
    ExampleRowsInBody,
    FileIdInPath,
    NumberInBody,
    TaskIdInPath,
)
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response
from entrepot.http.uploads.body import SmallBodyRoute
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.tasks.records import TaskId

router = APIRouter(prefix=API, tags=["files"], route_class=SmallBodyRoute)


class ComparisonBody(BaseModel):
    """Which two versions, and the columns by which a row is the same row in both."""

    model_config = ConfigDict(extra="forbid")

    before: NumberInBody
    after: NumberInBody
    key: Annotated[list[str], Field(max_length=100)] | None = None
    examples: ExampleRowsInBody = 10


@router.post(
    "/file/{file_id}/compare",
    status_code=202,
    operation_id="compare_versions",
    response_model=TaskAccepted,
    responses=ACCEPTED | problems(*REPEATING, *GONE, errors.NotAllowed),
)
async def compare_versions(
    file_id: FileIdInPath, body: ComparisonBody, request: Request, work: ReadWork
) -> JSONResponse:
    """Compare two versions of a file; answers the task that does it.

    Published versions, or rejected and failed ones that one delivered, as long as their bytes are
    kept. Without `key` the primary key of the file's schema is used, if it has one. Without any
    key, a row whose cells differ counts as one removed and one added. `examples` is how many rows
    of each kind are shown. With an `Idempotency-Key` the request may be repeated.
    """
    key = tuple(body.key) if body.key is not None else None
    pair = VersionPair(body.before, body.after, key, body.examples)
    idempotent = IdempotentRequest.of(request, "compare", str(file_id), body.model_dump_json())
    return accepted_response(await start_comparison(work, file_id, pair, idempotent))


async def start_comparison(
    work: UnitOfWork, file_id: UUID, pair: VersionPair, idempotent: IdempotentRequest
) -> TaskId:
    """Have two versions compared; the task that does it. Raises what `request_comparison` raises,
    and as `IdempotentRequest.run_once` does."""
    queue, now = work.parts.queue, work.parts.clock()

    def act(conn: WriteConnection, actor: Actor) -> TaskId:
        def make() -> TaskId:
            return request_comparison(conn, actor, file_id, pair, queue, now)

        return idempotent.run_once(conn, actor, now, make)

    task_id = await work.write(act)
    queue.wake()
    return task_id


@router.get(
    "/task/{task_id}/comparison",
    operation_id="get_comparison",
    response_model=VersionComparison,
    responses=problems(errors.NotAllowed, *GONE),
)
async def comparison(task_id: TaskIdInPath, work: ReadWork) -> Response:
    """What a comparison found: columns added, removed, retyped; rows added, removed, changed.

    Only for the user who asked for it, as long as they may read both versions. It is removed when
    the bytes of one of them are removed. Counts are exact. `changed` is null where rows had no key,
    and `key_repeated` counts rows that repeat the key, which then was not used.
    """
    stored = await work.read(get_comparison, task_id)
    size = len(stored.result)
    text = await work.runtime.parser.run(work.account_id, size, comparison_text, stored)
    return json_response(text)
