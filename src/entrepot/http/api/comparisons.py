"""Compare two versions of a file."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from entrepot.files.comparisons import Asked, ask_to_compare, comparison_of
from entrepot.http.api.payloads import TaskAccepted
from entrepot.http.api.uploads import accepted_response
from entrepot.http.body import SmallBodyRoute
from entrepot.http.deps import ReadWork

router = APIRouter(tags=["files"], route_class=SmallBodyRoute)

Number = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class ComparisonBody(BaseModel):
    """Which two versions, and the columns by which a row is the same row in both."""

    model_config = ConfigDict(extra="forbid")

    before: Number
    after: Number
    key: Annotated[list[str], Field(max_length=100)] | None = None
    examples: Annotated[StrictInt, Field(ge=0, le=1000)] = 10


@router.post("/file/{file_id}/compare", status_code=202, response_model=TaskAccepted)
async def compare_versions(file_id: UUID, body: ComparisonBody, work: ReadWork) -> JSONResponse:
    """Compare two versions of a file; answers the task that does it.

    Published versions, or refused ones that one delivered, as long as their bytes are kept. Without
    `key` the primary key of the file's schema counts, if it has one; without any, a row whose cells
    differ is one removed and one added. `examples` is how many rows of each kind are shown.
    """
    key = tuple(body.key) if body.key is not None else None
    asked = Asked(body.before, body.after, key, body.examples)
    queue, now = work.parts.queue, work.parts.clock()
    task_id = await work.write(ask_to_compare, file_id, asked, queue, now)
    queue.wake()
    return accepted_response(task_id)


@router.get("/task/{task_id}/comparison", response_model=None)
async def comparison(task_id: UUID, work: ReadWork) -> Response:
    """What a comparison found: columns added, removed, retyped; rows added, removed, changed.

    For who asked for it, as long as they may read both versions; it goes when the bytes of either
    go. Counts are exact. `changed` is null where rows had no key, and `key_repeated` counts rows
    that repeat the key, which then was not used.
    """
    return JSONResponse(await work.read(comparison_of, task_id))
