"""Share a file: entitlements of others to it, and handing it over to another account."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, StrictBool

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.transfer import accept_offer, list_offers, offer_file, withdraw_offer
from entrepot.grants.entitlements import (
    GrantedEntitlement,
    grant_entitlement,
    list_entitlements,
    revoke_entitlement,
)
from entrepot.grants.senders import SendingAccount, decide_on_sender, decline_share, list_senders
from entrepot.http.api.file_document import FileDocument, load_file_document
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.files import FileDetails
from entrepot.http.api.models.sharing import (
    EntitlementDetails,
    EntitlementList,
    OfferConfirmation,
    OfferList,
    SenderDetails,
    SenderList,
)
from entrepot.http.api.openapi.answers import LISTED, Responses, problems, with_headers
from entrepot.http.api.payloads import entitlement_payload, offer_payload
from entrepot.http.deps import ReadWork, WriteWork
from entrepot.http.lists.listings import ENTITLEMENTS, OFFERS
from entrepot.http.parameters import (
    Cursor,
    FileIdInPath,
    Moment,
    PageItemsOrAll,
    UserNameInBody,
    UserNameInPath,
)
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response
from entrepot.http.timestamps import format_timestamp
from entrepot.http.uploads.body import SmallBodyRoute

GRANTED: Responses = {
    201: {"model": EntitlementDetails, "description": "A new entitlement."},
}

router = APIRouter(prefix=API, tags=["sharing"], route_class=SmallBodyRoute)


class EntitlementBody(BaseModel):
    """What a user may do with a file: read it, deliver to it, or both; and until when."""

    model_config = ConfigDict(extra="forbid")

    entitlement: Literal["r", "w", "rw"]
    expires_at: Moment | None = None


class OfferBody(BaseModel):
    """Whom a file is offered to: a user of another account."""

    model_config = ConfigDict(extra="forbid")

    user_name: UserNameInBody


@router.get(
    "/file/{file_id}/entitlements",
    operation_id="list_entitlements",
    response_model=EntitlementList,
    responses=LISTED | problems(errors.NotAllowed),
)
async def entitlements(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    limit: PageItemsOrAll = None,
    cursor: Cursor = None,
) -> Response:
    """Whom a file is shared with, oldest first; for its owner and the account's admins.

    One that has expired is listed until it is revoked or granted again.
    """

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[GrantedEntitlement]:
        return list_entitlements(conn, actor, file_id, size, after)

    listing = ENTITLEMENTS.of(file_id)
    return await list_response(request, work, listing, find, entitlement_payload, limit, cursor)


@router.put(
    "/file/{file_id}/entitlements/{user_name}",
    operation_id="grant_entitlement",
    response_model=EntitlementDetails,
    responses=GRANTED | problems(errors.NotAllowed, errors.FieldInvalid, errors.SharesNotAccepted),
)
async def entitle(
    file_id: FileIdInPath, user_name: UserNameInPath, body: EntitlementBody, work: WriteWork
) -> Response:
    """Share a file with a user of any account, or with a whole one (`partner:*`), or change that.

    `r` allows reading; `w` allows delivering, and seeing the user's own deliveries only; `rw`
    allows both. It takes effect immediately, and ends at `expires_at`, if there is one. Answers
    `201` if it is new. An unknown name is `422`, with the same answer whether the account or the
    user is unknown.
    """
    now = work.parts.clock()
    arguments = user_name, body.entitlement, body.expires_at, now
    entitlement, is_new = await work.write(grant_entitlement, file_id, *arguments)
    return JSONResponse(entitlement_payload(entitlement), status_code=201 if is_new else 200)


@router.delete(
    "/file/{file_id}/entitlements/{user_name}",
    status_code=204,
    operation_id="revoke_entitlement",
    response_model=None,
    responses=problems(errors.NotAllowed, errors.FieldInvalid),
)
async def disentitle(file_id: FileIdInPath, user_name: UserNameInPath, work: WriteWork) -> Response:
    """End an entitlement immediately, for uploads and event streams that are under way too."""
    await work.write_into_reserve(revoke_entitlement, file_id, user_name, work.parts.clock())
    return Response(status_code=204)


@router.get(
    "/offers",
    operation_id="list_offers",
    response_model=OfferList,
    responses=LISTED,
)
async def offers(
    request: Request, work: ReadWork, limit: PageItemsOrAll = None, cursor: Cursor = None
) -> Response:
    """The files that other accounts offer to the caller, oldest offer first.

    `bytes` is what the file needs of the quota of the caller's account: all versions, including
    quarantined and deleted ones that are still kept. `entitlements` counts the shares of the file,
    which stay.
    """
    return await list_response(request, work, OFFERS, list_offers, offer_payload, limit, cursor)


@router.put(
    "/file/{file_id}/offer",
    operation_id="offer_file",
    response_model=OfferConfirmation,
    responses=problems(errors.NotAllowed, errors.SharesNotAccepted),
)
async def offer(file_id: FileIdInPath, body: OfferBody, work: WriteWork) -> Response:
    """Offer a file to a user of another account, who becomes its owner by accepting it.

    Until then nothing changes. A file has one offer; a new one replaces it.
    """
    offered_at = await work.write(offer_file, file_id, body.user_name, work.parts.clock())
    answer: OfferConfirmation = {
        "file_id": str(file_id),
        "user_name": body.user_name,
        "offered_at": format_timestamp(offered_at),
    }
    return JSONResponse(answer)


@router.delete(
    "/file/{file_id}/offer",
    status_code=204,
    operation_id="withdraw_offer",
    response_model=None,
    responses=problems(errors.NotAllowed),
)
async def withdraw(file_id: FileIdInPath, work: WriteWork) -> Response:
    """Take an offer back, or decline it."""
    await work.write_into_reserve(withdraw_offer, file_id, work.parts.clock())
    return Response(status_code=204)


@router.post(
    "/file/{file_id}/offer/accept",
    operation_id="accept_offer",
    response_model=FileDetails,
    responses=with_headers(200, "ETag")
    | problems(errors.NotAllowed, errors.QuotaExceeded, errors.FileBusy),
)
async def accept(file_id: FileIdInPath, work: WriteWork) -> Response:
    """Become the owner of a file that is offered to the caller; answers the file.

    All its bytes count for the caller's account from then on, or nothing changes: `413` with the
    figures if they do not fit, `409` while a version is being inspected.
    """

    def apply(conn: WriteConnection, actor: Actor) -> FileDocument:
        accept_offer(conn, actor, file_id, work.parts.clock())
        return load_file_document(conn, actor, file_id)

    document = await work.write(apply)
    return json_response(document.document, {"ETag": document.etag})


AccountInPath = Annotated[str, Path(description="The name of the account that shares.")]


class SenderBody(BaseModel):
    """The decision about an account; null removes it. `for_account`: for all users of the caller's
    account, which only its admins can decide."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["accepted", "blocked"] | None
    for_account: StrictBool = False


@router.get("/senders", operation_id="list_senders", response_model=SenderList)
async def senders(work: ReadWork) -> Response:
    """The other accounts that share files with the caller, and the decisions about them.

    An account that neither the caller nor their account has accepted can share at most 100 files
    with them.
    """
    accounts = await work.read(list_senders)
    answer: SenderList = {"senders_list": [_sender_payload(each) for each in accounts]}
    return JSONResponse(answer)


@router.put(
    "/sender/{account}",
    operation_id="decide_on_sender",
    response_model=SenderDetails,
    responses=problems(errors.NotAllowed),
)
async def decide(account: AccountInPath, body: SenderBody, work: WriteWork) -> Response:
    """Accept an account once, so that it may share any number of files with you, or block it.

    All shares of a blocked account end, and further ones get the answer for an unknown name. The
    account is not notified.
    """
    arguments = account, body.decision, body.for_account, work.parts.clock()
    return JSONResponse(
        _sender_payload(await work.write_into_reserve(decide_on_sender, *arguments))
    )


@router.delete(
    "/file/{file_id}/share",
    status_code=204,
    operation_id="decline_share",
    response_model=None,
)
async def decline(file_id: FileIdInPath, work: WriteWork) -> Response:
    """Decline a file that another account shares with the caller: it is not listed any more.

    For an admin, this also declines what is shared with the whole account.
    """
    await work.write_into_reserve(decline_share, file_id, work.parts.clock())
    return Response(status_code=204)


def _sender_payload(sender: SendingAccount) -> SenderDetails:
    return {
        "account": sender.account,
        "files": sender.files,
        "decision": sender.decision,
        "account_decision": sender.account_decision,
    }
