"""The links to a file, for those who manage it: make one, whose address is shown once; revoke."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, cast, get_args
from uuid import UUID

from fastapi import Path, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.errors import (
    EntrepotError,
    FieldInvalid,
    NotFound,
    TooManyLinks,
    VersionNotPublished,
)
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.grants.file_links import (
    MAX_USES,
    FileLink,
    LinkKind,
    LinkTerms,
    get_file_link,
    list_file_links,
    revoke_file_link,
)
from entrepot.http.api.sharing.links import link_address, make_link_to_file
from entrepot.http.lists.listings import LINKS
from entrepot.http.parameters import DAYS, NUMBER, Cursor, FileIdInPath, IntegerText
from entrepot.http.places import LINKS as LINK_ADDRESSES
from entrepot.http.problems.table import problem_kind
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.form import PageForm, read_form
from entrepot.http.web.form_labels import FORM_LABELS, periods
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.repeated import bytes_of_form
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.inspection.results import Form

router = page_router()

PAGE = 50
"""Rows of the list on one page."""
LIVES = periods("1", "7", "30", "365")
"""The choices of how long a link lasts: days as the form sends them, and the words."""
USES = IntegerText(1, MAX_USES, f"must be a number from 1 to {MAX_USES:,}.", "10")
LinkIdInPath = Annotated[UUID, Path(description="The link's id.")]


@dataclass(frozen=True)
class LinkDraft:
    """The form as it was filled in, so that it can be shown again with what is wrong. A password is
    not among it: it is typed again."""

    kind: str = "read"
    name: str = ""
    format: str = ""
    version: str = ""
    expires: str = "30"
    max_uses: str = ""
    error: FieldInvalid | None = None

    def terms(self, now: datetime) -> LinkTerms:
        """What the link is to allow. Raises FieldInvalid."""
        if self.kind not in get_args(LinkKind):
            raise FieldInvalid("kind", "choose one of the two.")
        if self.format not in FORM_LABELS:
            raise FieldInvalid("format", "choose one of the list.")
        if self.expires not in dict(LIVES):
            raise FieldInvalid("expires_at", "choose one of the list.")
        return LinkTerms(
            cast(LinkKind, self.kind),
            self.name,
            cast(Form, self.format) if self.format else None,
            NUMBER.read(self.version, "version"),
            now + timedelta(days=DAYS.require(self.expires, "expires_at")),
            USES.read(self.max_uses, "max_uses"),
        )


@dataclass(frozen=True)
class MadeLink:
    """A link that was just made: the address for people, and the one for programs."""

    link: FileLink
    page_address: str
    program_address: str


@router.get("/files/{file_id}/links", response_model=None)
async def links(
    request: Request, file_id: FileIdInPath, work: SessionWork, cursor: Cursor = None
) -> Response:
    """The links to a file, oldest first, and the form for a new one."""
    return await _page(request, work, file_id, LinkDraft(), cursor=cursor)


@router.post("/files/{file_id}/links", response_model=None)
async def new_link(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Make a link. The answer itself shows its address, because it is not stored; so does the
    answer to the same form that is sent again."""
    form = await read_form(request)
    draft = _read_draft(form)
    try:
        terms = draft.terms(work.now)
        password, random = form.text("password") or None, bytes_of_form(request, work, form)
        new = await make_link_to_file(work, file_id, terms, password, random)
    except (FieldInvalid, VersionNotPublished, TooManyLinks) as error:
        return await _refused(request, work, file_id, draft, error)
    except NotFound as error:
        if not draft.version:
            raise
        return await _refused(request, work, file_id, draft, error)
    endpoint = endpoint_of(request)
    page_address = f"{endpoint}{LINK_ADDRESSES}{new.secret}"
    made = MadeLink(new.link, page_address, link_address(endpoint, new))
    return await _page(request, work, file_id, LinkDraft(), made=made, status=201)


@router.get("/files/{file_id}/links/{link_id}/revoke", response_model=None)
async def ask_to_revoke(
    request: Request, file_id: FileIdInPath, link_id: LinkIdInPath, work: SessionWork
) -> Response:
    """Say what will stop, and ask."""

    def load(conn: ReadConnection, actor: Actor) -> tuple[FileRecord, FileLink]:
        link = get_file_link(conn, actor, file_id, link_id)
        return get_file(conn, actor, file_id), link

    actor, (file, link) = await work.read_with_actor(load)
    return page(request, "links/revoke.html", actor, file=file, link=link)


@router.post("/files/{file_id}/links/{link_id}/revoke", response_model=None)
async def revoke(file_id: FileIdInPath, link_id: LinkIdInPath, work: SessionWork) -> Response:
    """Revoke a link; it stops immediately."""
    await work.write_into_reserve(revoke_file_link, file_id, link_id, work.now)
    return redirect(f"/files/{file_id}/links", Confirmation.LINK_REVOKED)


def _read_draft(form: PageForm) -> LinkDraft:
    kind, name, format, version, expires, max_uses = (
        form.text(field).strip()
        for field in ("kind", "name", "format", "version", "expires", "max_uses")
    )
    return LinkDraft(kind, name, format, version, expires, max_uses)


async def _refused(
    request: Request, work: PageWork, file_id: UUID, draft: LinkDraft, error: EntrepotError
) -> Response:
    """The form again, with what is wrong beside its field."""
    status = problem_kind(error).status
    match error:
        case FieldInvalid():
            failure = error
        case NotFound():
            status, failure = 422, FieldInvalid("version", "is not a version of the file.")
        case VersionNotPublished():
            failure = FieldInvalid("version", f"is {error.version_status}. Nobody can read it.")
        case _:
            failure = FieldInvalid("name", str(error))
    return await _page(request, work, file_id, replace(draft, error=failure), status=status)


async def _page(
    request: Request,
    work: PageWork,
    file_id: UUID,
    draft: LinkDraft,
    made: MadeLink | None = None,
    status: int = 200,
    cursor: str | None = None,
) -> Response:
    listing = LINKS.of(file_id)
    after = listing.read_cursor(cursor)

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[FileLink], FileRecord]:
        return _list(conn, actor, file_id, after), get_file(conn, actor, file_id)

    actor, (records, file) = await work.read_with_actor(load)
    items, next_cursor = listing.page(records, PAGE)
    values: dict[str, Any] = {
        "file": file,
        "links": items,
        "next_cursor": next_cursor,
        "first_page": cursor is None,
        "draft": draft,
        "made": made,
        "lives": LIVES,
        "form_labels": FORM_LABELS,
    }
    return page(request, "links/page.html", actor, status=status, **values)


def _list(
    conn: ReadConnection, actor: Actor, file_id: UUID, after: Position | None
) -> list[FileLink]:
    return list_file_links(conn, actor, file_id, PAGE + 1, after)
