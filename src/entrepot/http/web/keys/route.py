"""API keys: generate one, shown once; see when each was last used; revoke."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import SCOPES, Scope
from entrepot.accounts.keys import NewKey, get_key, issue_key, list_keys, revoke_key
from entrepot.errors import FieldInvalid, NotAllowed, TooManyKeys
from entrepot.http.lists.listings import NEWEST_KEYS
from entrepot.http.parameters import DAYS, Cursor, KeyIdInPath
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.form import PageForm, read_form
from entrepot.http.web.form_labels import periods
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.repeated import bytes_of_form
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.http.web.usage_examples import list_files_command

router = page_router()

PAGE = 50
"""Rows of the list on one page."""
LIVES = periods("", "30", "90", "365")
"""The choices of how long a key lives: days as the form sends them, and the words."""


@dataclass(frozen=True)
class KeyDraft:
    """The form as it was filled in, so that it can be shown again with what is wrong."""

    name: str = ""
    scopes: tuple[str, ...] = ("read", "write")
    days: str = ""
    error: FieldInvalid | None = None


@router.get("/keys", response_model=None)
async def keys(request: Request, work: SessionWork, cursor: Cursor = None) -> Response:
    """The valid keys that the user may see, newest first, and the form for a new one."""
    return await _page(request, work, KeyDraft(), cursor=cursor)


@router.post("/keys", response_model=None)
async def new_key(request: Request, work: SessionWork) -> Response:
    """Make a key. The answer itself shows it, because it is not stored; so does the answer to the
    same form that is sent again."""
    form = await read_form(request)
    draft = KeyDraft(form.text("name").strip(), tuple(form.all("scope")), form.text("expires"))
    try:
        scopes, expires_at = _read(form, work.now)
        key = await work.write(
            issue_key,
            work.parts.secret,
            draft.name,
            scopes,
            work.now,
            expires_at,
            random=bytes_of_form(request, work, form),
        )
    except FieldInvalid as error:
        retry = KeyDraft(draft.name, draft.scopes, draft.days, error)
        return await _page(request, work, retry, status=422)
    except TooManyKeys as error:
        retry = KeyDraft(draft.name, draft.scopes, draft.days, FieldInvalid("name", str(error)))
        return await _page(request, work, retry, status=409)
    except NotAllowed:
        error_of_scope = FieldInvalid(
            field="scopes", reason="only admins of the account may administer it."
        )
        retry = KeyDraft(draft.name, draft.scopes, draft.days, error_of_scope)
        return await _page(request, work, retry, status=422)
    return await _page(request, work, KeyDraft(), new_key=key, status=201)


@router.get("/keys/{key_id}/revoke", response_model=None)
async def ask_to_revoke(request: Request, key_id: KeyIdInPath, work: SessionWork) -> Response:
    """Say what will stop, and ask."""
    actor, key = await work.read_with_actor(get_key, key_id)
    return page(request, "keys/revoke.html", actor, key=key)


@router.post("/keys/{key_id}/revoke", response_model=None)
async def revoke(key_id: KeyIdInPath, work: SessionWork) -> Response:
    """Revoke a key; it stops immediately."""
    await work.write_into_reserve(revoke_key, key_id, work.now)
    return redirect("/keys", Confirmation.KEY_REVOKED)


def _read(form: PageForm, now: datetime) -> tuple[tuple[Scope, ...], datetime | None]:
    """Scopes and end of the key that the form asks for. Raises FieldInvalid."""
    scopes = form.all("scope")
    if not scopes or any(scope not in SCOPES for scope in scopes):
        raise FieldInvalid(field="scopes", reason="choose at least one.")
    days = form.text("expires")
    if days not in dict(LIVES):
        raise FieldInvalid(field="expires_at", reason="choose one of the list.")
    expires_at = now + timedelta(days=DAYS.require(days, "expires_at")) if days else None
    return cast(tuple[Scope, ...], tuple(s for s in SCOPES if s in scopes)), expires_at


async def _page(
    request: Request,
    work: PageWork,
    draft: KeyDraft,
    new_key: NewKey | None = None,
    status: int = 200,
    cursor: str | None = None,
) -> Response:
    after = NEWEST_KEYS.read_cursor(cursor)
    actor, records = await work.read_with_actor(list_keys, PAGE + 1, after, newest_first=True)
    items, next_cursor = NEWEST_KEYS.page(records, PAGE)
    command = list_files_command(endpoint_of(request), new_key.api_key) if new_key else ""
    return page(
        request,
        "keys/page.html",
        actor,
        status=status,
        keys=items,
        next_cursor=next_cursor,
        first_page=cursor is None,
        draft=draft,
        lives=LIVES,
        new_key=new_key,
        command=command,
    )
