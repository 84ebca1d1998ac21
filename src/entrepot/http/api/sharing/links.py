"""Links to a file: create, list and revoke them. `http.addresses.links` serves them."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.accounts.passwords import MAX_PASSWORD_CHARS, check_password, hash_password
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.files.forms.read_form import form_name
from entrepot.grants.access import access_manageable
from entrepot.grants.file_links import (
    MAX_NAME_CHARS,
    MAX_USES,
    FileLink,
    LinkKind,
    LinkTerms,
    NewLink,
    check_terms,
    create_file_link,
    list_file_links,
    revoke_file_link,
)
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.links import CreatedFileLink, LinkDetails, LinkList
from entrepot.http.api.openapi.answers import LISTED, problems, with_headers
from entrepot.http.deps import ReadWork, UnitOfWork, WriteWork
from entrepot.http.lists.listings import LINKS
from entrepot.http.parameters import Cursor, FileIdInPath, Moment, NumberInBody, PageItemsOrAll
from entrepot.http.places import API
from entrepot.http.places import LINKS as LINK_ADDRESSES
from entrepot.http.timestamps import format_timestamp
from entrepot.http.uploads.body import SmallBodyRoute
from entrepot.inspection.results import Form

router = APIRouter(prefix=API, tags=["sharing"], route_class=SmallBodyRoute)

LinkIdInPath = Annotated[UUID, Path(description="The link's id.")]


class NewLinkBody(BaseModel):
    """A link to be made. Without `expires_at` it is valid for 30 days; at most for 366."""

    model_config = ConfigDict(extra="forbid")

    kind: LinkKind
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS, examples=["for the auditors"])] = ""
    format: Form | None = None
    version: NumberInBody | None = None
    expires_at: Moment | None = None
    max_uses: Annotated[StrictInt, Field(ge=1, le=MAX_USES)] | None = None
    password: Annotated[str, Field(max_length=MAX_PASSWORD_CHARS)] | None = None


@router.post(
    "/file/{file_id}/links",
    status_code=201,
    operation_id="create_link",
    response_model=CreatedFileLink,
    responses=with_headers(201, "Cache-Control")
    | problems(
        errors.NotAllowed, errors.FieldInvalid, errors.VersionNotPublished, errors.TooManyLinks
    ),
)
async def new_link(file_id: FileIdInPath, body: NewLinkBody, work: WriteWork) -> Response:
    """Make a link with which anybody who has it reads the file (`read`: a `format` of a `version`,
    by default the newest as it was delivered), or delivers to it (`deliver`).

    Its address is in this answer, and cannot be shown again. A `password` must be as strong as
    that of a user. The link ends when it expires, is revoked or used up, and when its creator may
    not share the file any more, or the key that made it is revoked or expires. A key needs the
    scope `read` for a link that reads.
    """
    terms = LinkTerms(
        body.kind, body.name, body.format, body.version, body.expires_at, body.max_uses
    )
    new = await make_link_to_file(work, file_id, terms, body.password)
    document = link_payload(new.link)
    created: CreatedFileLink = {
        "link_id": document["link_id"],
        "url": link_address(work.parts.settings.endpoint, new),
        **document,
    }
    return JSONResponse(created, status_code=201, headers={"Cache-Control": "no-store"})


@router.get(
    "/file/{file_id}/links",
    operation_id="list_links",
    response_model=LinkList,
    responses=LISTED | problems(errors.NotAllowed),
)
async def links(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    limit: PageItemsOrAll = None,
    cursor: Cursor = None,
) -> Response:
    """The links to a file that were not revoked, oldest first; for its owner and the account's
    admins. Those that have expired or are used up are listed until they are revoked."""

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[FileLink]:
        return list_file_links(conn, actor, file_id, size, after)

    listing = LINKS.of(file_id)
    return await list_response(request, work, listing, find, link_payload, limit, cursor)


@router.delete(
    "/file/{file_id}/links/{link_id}",
    status_code=204,
    operation_id="revoke_link",
    response_model=None,
    responses=problems(errors.NotAllowed),
)
async def delete_link(file_id: FileIdInPath, link_id: LinkIdInPath, work: WriteWork) -> Response:
    """Revoke a link; it stops immediately, for uploads and downloads that are under way too."""
    await work.write_into_reserve(revoke_file_link, file_id, link_id, work.parts.clock())
    return Response(status_code=204)


async def make_link_to_file(
    work: UnitOfWork,
    file_id: UUID,
    terms: LinkTerms,
    password: str | None,
    random: bytes | None = None,
) -> NewLink:
    """Create a link, whose password is hashed first; `random` as for `create_file_link`. Raises
    FieldInvalid, also for a password that is easy to guess, NotFound, NotAllowed, ScopeMissing,
    VersionNotPublished, TooManyLinks."""
    check_terms(terms, work.now)
    if password is not None:  # an empty one is too short: a script has lost its variable
        # Who may not make links must not have the server hash passwords.
        await work.read(access_manageable, file_id)
        await run_in_threadpool(check_password, password, terms.name, "password")
        password_hash = await run_in_threadpool(hash_password, password)
        terms = replace(terms, password_hash=password_hash)
    return await work.write(create_file_link, work.parts.secret, file_id, terms, work.now, random)


def link_address(endpoint: str, new: NewLink) -> str:
    """The whole address of a new link. One that reads ends with a name that programs can choose a
    reader by, one that delivers with a slash, to which `curl -T` appends the file's name."""
    base = f"{endpoint}{LINK_ADDRESSES}{new.secret}/"
    if new.link.kind == "deliver":
        return base
    form = new.link.form
    return base + quote(form_name(new.file_name, form) if form else new.file_name, safe="")


def link_payload(link: FileLink) -> LinkDetails:
    """A link without its secret, as those who manage the file see it."""
    return {
        "link_id": str(link.id),
        "name": link.name,
        "kind": link.kind,
        "format": link.form,
        "version": link.version,
        "prefix": link.prefix,
        "user_name": link.user_name,
        "has_password": link.has_password,
        "max_uses": link.max_uses,
        "uses": link.uses,
        "created_at": format_timestamp(link.created_at),
        "expires_at": format_timestamp(link.expires_at),
        "state": link.state,
    }
