"""Accept a rejected version: as an exception to the contract, or by the change of the contract that
its report suggests."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from entrepot import errors
from entrepot.files.delivery.quarantine import MAX_REASON_CHARS, check_reason
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.openapi.answers import ACCEPTED, COPYING, REPEATING, problems
from entrepot.http.api.restoration import accept, accept_suggested
from entrepot.http.api.uploads import accepted_response
from entrepot.http.deps import WriteWork
from entrepot.http.parameters import FileIdInPath, NumberInPath
from entrepot.http.places import API
from entrepot.http.uploads.body import SmallBodyRoute
from entrepot.http.uploads.idempotency import IdempotentRequest

router = APIRouter(prefix=API, tags=["files"], route_class=SmallBodyRoute)


class AcceptanceBody(BaseModel):
    """Why the version is accepted; everybody who may read the file sees it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


@router.post(
    "/file/{file_id}/versions/{number}/accept",
    status_code=202,
    operation_id="accept_version",
    response_model=TaskAccepted,
    responses=ACCEPTED
    | problems(*REPEATING, *COPYING, errors.VersionNotRejected, errors.QuarantineEnded),
)
async def accept_version(
    file_id: FileIdInPath,
    number: NumberInPath,
    body: AcceptanceBody,
    request: Request,
    work: WriteWork,
) -> JSONResponse:
    """Publish a rejected version anyway, under a new number; answers the task that does it.

    For the file's owner and the account's admins, as long as the rejected bytes are kept. A failed
    version, which could not be inspected, may be accepted too. The report still lists the errors;
    the version has `accepted_from` and the `reason`. `If-Match` and `Idempotency-Key` are supported
    as for a delivery.
    """
    reason, match = check_reason(body.reason), request.headers.get("if-match")
    idempotent = IdempotentRequest.of(request, "accept", str(file_id), number, reason)
    return accepted_response(await accept(work, file_id, number, reason, match, idempotent))


@router.post(
    "/file/{file_id}/versions/{number}/accept-suggestion",
    status_code=202,
    operation_id="accept_suggestion",
    response_model=TaskAccepted,
    responses=ACCEPTED
    | problems(
        *REPEATING,
        *COPYING,
        errors.VersionNotRejected,
        errors.QuarantineEnded,
        errors.NoSuggestion,
        errors.SuggestionOutdated,
        errors.SchemaTooCostly,
        errors.TooManySchemas,
    ),
)
async def accept_suggestion(
    file_id: FileIdInPath, number: NumberInPath, request: Request, work: WriteWork
) -> JSONResponse:
    """Change the contract as the report of a rejected version suggests, and check its bytes again.

    For the file's owner and the account's admins, as long as the rejected bytes are kept and the
    contract is still the one by which they were judged. The schema gets a revision, and the bytes
    are the file's next version, which `replaces` the rejected one; the answer is the task that
    inspects it. `If-Match` and `Idempotency-Key` work as for a delivery.
    """
    match = request.headers.get("if-match")
    idempotent = IdempotentRequest.of(request, "accept-suggestion", str(file_id), number)
    return accepted_response(await accept_suggested(work, file_id, number, match, idempotent))
