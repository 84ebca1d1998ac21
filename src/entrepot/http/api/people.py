"""Users, keys, the account, and who one is."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from entrepot import errors
from entrepot.accounts.actor import Actor, Role, Scope
from entrepot.accounts.keys import issue_key, list_keys, revoke_key
from entrepot.accounts.links import make_link
from entrepot.accounts.passwords import MAX_PASSWORD_CHARS
from entrepot.accounts.sessions import sign_out_user
from entrepot.accounts.sign_in import PasswordHolder, change_password, find_password
from entrepot.accounts.users import (
    change_user,
    create_user,
    delete_user,
    get_user,
    list_users,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotAllowed, SignInFailed
from entrepot.files.derivative_space import account_derivative_bytes
from entrepot.files.queries.usage import AccountUsage, account_usage
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.people import (
    AccountDetails,
    CallerDetails,
    CreatedKey,
    CreatedLink,
    KeyList,
    ReservedBytes,
    UsedBytes,
    UserDetails,
    UserList,
)
from entrepot.http.api.openapi.answers import LISTED, problems, with_headers
from entrepot.http.api.payloads import key_payload, user_payload
from entrepot.http.deps import AdminWork, AnyWork, ReadWork, WriteWork, read_request_origin
from entrepot.http.lists.listings import KEYS, USERS
from entrepot.http.parameters import (
    Cursor,
    KeyIdInPath,
    Moment,
    PageItemsOrAll,
    UserNameInBody,
    UserNameInPath,
)
from entrepot.http.password_change import hash_new_password, verify_holder
from entrepot.http.places import API
from entrepot.http.timestamps import format_timestamp
from entrepot.http.uploads.body import SmallBodyRoute
from entrepot.quotas.reserve import Usage, get_usage

router = APIRouter(prefix=API, route_class=SmallBodyRoute)


class StrictBody(BaseModel):
    """A JSON body; unknown members are refused, since they are mostly misspelt ones."""

    model_config = ConfigDict(extra="forbid")


class NewUser(StrictBody):
    """A user to be made in the caller's account."""

    user_name: UserNameInBody
    role: Role = "member"


class UserChange(StrictBody):
    """The changes of a user."""

    role: Role | None = None
    disabled: bool | None = None


class PasswordChange(StrictBody):
    """The caller's password, and the one that replaces it."""

    current_password: Annotated[str, Field(max_length=MAX_PASSWORD_CHARS)]
    new_password: str


class NewKeyBody(StrictBody):
    """A key to be made; `user_name` for another user of the account, by an admin."""

    name: Annotated[str, Field(max_length=100, examples=["cron"])] = ""
    scopes: Annotated[list[Scope], Field(min_length=1)] = ["read", "write"]
    expires_at: Moment | None = None
    user_name: UserNameInBody | None = None


@router.get(
    "/users",
    tags=["people"],
    operation_id="list_users",
    response_model=UserList,
    responses=LISTED,
)
async def users(
    request: Request, work: ReadWork, limit: PageItemsOrAll = None, cursor: Cursor = None
) -> Response:
    """The users of the caller's own account, never of another, oldest first."""
    return await list_response(request, work, USERS, list_users, user_payload, limit, cursor)


@router.post(
    "/user/new",
    tags=["people"],
    status_code=201,
    operation_id="create_user",
    response_model=UserDetails,
    responses=problems(errors.NotAllowed, errors.NameTaken),
)
async def new_user(body: NewUser, work: AdminWork) -> Response:
    """Make a user of the account. Needs an admin's key with the scope admin."""

    def make(conn: WriteConnection, actor: Actor) -> UserDetails:
        return user_payload(create_user(conn, body.user_name, body.role, work.now, actor=actor))

    return JSONResponse(await work.write(make), status_code=201)


@router.get(
    "/user/{user_name}",
    tags=["people"],
    operation_id="get_user",
    response_model=UserDetails,
)
async def user(user_name: UserNameInPath, work: ReadWork) -> Response:
    """One user of the caller's own account."""
    return JSONResponse(user_payload(await work.read(get_user, user_name)))


@router.patch(
    "/user/{user_name}",
    tags=["people"],
    operation_id="change_user",
    response_model=UserDetails,
    responses=problems(errors.NotAllowed, errors.LastAdmin),
)
async def patch_user(user_name: UserNameInPath, body: UserChange, work: AdminWork) -> Response:
    """Change a user's role, or disable or enable them. A disabled user's keys stop immediately."""
    changed = await work.write_into_reserve(
        change_user, user_name, work.now, body.role, body.disabled
    )
    return JSONResponse(user_payload(changed))


@router.delete(
    "/user/{user_name}",
    tags=["people"],
    status_code=204,
    operation_id="delete_user",
    response_model=None,
    responses=problems(errors.NotAllowed, errors.LastAdmin, errors.UserOwnsFiles),
)
async def remove_user(user_name: UserNameInPath, work: AdminWork) -> Response:
    """Remove a user who owns no files; their keys stop immediately."""
    await work.write_into_reserve(delete_user, user_name, work.now)
    return Response(status_code=204)


@router.post(
    "/user/{user_name}/link",
    tags=["people"],
    status_code=201,
    operation_id="create_sign_in_link",
    response_model=CreatedLink,
    responses=with_headers(201, "Cache-Control") | problems(errors.NotAllowed, errors.FieldInvalid),
)
async def new_link(user_name: UserNameInPath, work: AdminWork) -> Response:
    """Make a one-time link with which a user sets a password and signs in: an invitation, or a
    reset.

    It works once, within 24 hours, and ends an earlier link of the user. Everybody who has it can
    sign in as the user: send it only to this person.
    """
    token, expires_at = await work.write(make_link, work.parts.secret, user_name, work.now)
    created: CreatedLink = {
        "user_name": user_name,
        "link": f"{work.parts.settings.endpoint}/sign-in?link={token}",
        "expires_at": format_timestamp(expires_at),
    }
    return JSONResponse(created, status_code=201, headers={"Cache-Control": "no-store"})


@router.delete(
    "/user/{user_name}/sessions",
    tags=["people"],
    status_code=204,
    operation_id="end_sessions",
    response_model=None,
    responses=problems(errors.NotAllowed),
)
async def end_user_sessions(user_name: UserNameInPath, work: AdminWork) -> Response:
    """End all browser sessions of a user. Their keys stay valid."""
    await work.write_into_reserve(sign_out_user, user_name, work.now)
    return Response(status_code=204)


@router.post(
    "/password",
    tags=["people"],
    status_code=204,
    operation_id="change_password",
    response_model=None,
    responses=problems(errors.NotAllowed, errors.TooManyAttempts),
)
async def new_password(body: PasswordChange, request: Request, work: WriteWork) -> Response:
    """Change the caller's own password. Their browser sessions end; keys stay valid.

    The current password is required: a key is not enough. A user without a password sets the first
    one with a link from an admin.
    """

    def own_password(conn: ReadConnection, actor: Actor) -> PasswordHolder | None:
        return find_password(conn, actor.user_name)

    holder = await work.read(own_password)
    if holder is None:
        raise NotAllowed("You have no password yet. Ask an admin of your account for a link.")
    wrong = FieldInvalid("current_password", "is wrong.")
    try:
        await verify_holder(request, holder, body.current_password)
        new_hash = await hash_new_password(body.new_password, holder.user, "new_password")
        origin = read_request_origin(request)

        def replace(conn: WriteConnection, actor: Actor) -> None:
            del actor
            change_password(conn, holder, new_hash, origin, work.now)

        await work.write(replace)
    except SignInFailed:
        raise wrong from None
    return Response(status_code=204)


@router.get(
    "/keys",
    tags=["keys"],
    operation_id="list_keys",
    response_model=KeyList,
    responses=LISTED,
)
async def keys(
    request: Request, work: ReadWork, limit: PageItemsOrAll = None, cursor: Cursor = None
) -> Response:
    """The caller's own keys, oldest first; with an admin's scope, the account's."""
    return await list_response(request, work, KEYS, list_keys, key_payload, limit, cursor)


@router.post(
    "/key/new",
    tags=["keys"],
    status_code=201,
    operation_id="create_key",
    response_model=CreatedKey,
    responses=with_headers(201, "Cache-Control")
    | problems(errors.NotAllowed, errors.NotFound, errors.TooManyKeys),
)
async def new_key(body: NewKeyBody, work: WriteWork) -> Response:
    """Make a key. The secret is in this answer, and cannot be shown again."""
    expires: datetime | None = body.expires_at
    scopes: tuple[Scope, ...] = tuple(dict.fromkeys(body.scopes))
    new = await work.write(
        issue_key, work.parts.secret, body.name, scopes, work.now, expires, body.user_name
    )
    payload = key_payload(new.key)
    created: CreatedKey = {"key_id": payload["key_id"], "api_key": new.api_key, **payload}
    return JSONResponse(created, status_code=201, headers={"Cache-Control": "no-store"})


@router.delete(
    "/key/{key_id}",
    tags=["keys"],
    status_code=204,
    operation_id="revoke_key",
    response_model=None,
    responses=problems(errors.NotAllowed),
)
async def delete_key(key_id: KeyIdInPath, work: WriteWork) -> Response:
    """Revoke a key; it stops immediately."""
    await work.write_into_reserve(revoke_key, key_id, work.now)
    return Response(status_code=204)


@router.get(
    "/account",
    tags=["account"],
    operation_id="get_account",
    response_model=AccountDetails,
)
async def account(work: ReadWork) -> Response:
    """The account's quota, what is used and reserved of it and by what, in bytes; and counts.

    `used_by` adds up to `used`: the current versions of files, earlier ones, those that wait for
    their inspection, are quarantined, canceled or deleted and still kept, and files that are being
    validated. `reserved_by` adds up to `reserved`. `metadata` is the size of descriptions, schemas,
    reports, profiles and the record of changes, without the first MiB; records of reads do not
    count. `versions` counts those whose bytes are kept, `quarantined` the rejected and failed ones
    of them. `derivatives` is in bytes too: the other formats of the account's versions, which do
    not count for the quota.
    """

    def load(conn: ReadConnection, actor: Actor) -> tuple[Actor, Usage, AccountUsage, int]:
        account_id = actor.account_id
        derivative_bytes = account_derivative_bytes(conn, account_id)
        return actor, get_usage(conn, account_id), account_usage(conn, account_id), derivative_bytes

    actor, usage, account_figures, derivative_bytes = await work.read(load)
    answer: AccountDetails = {
        "account": actor.account,
        "quota": usage.quota,
        "used": usage.used,
        "reserved": usage.reserved,
        "metadata": usage.metadata,
        "free": max(0, usage.free),
        "files": account_figures.files,
        "versions": account_figures.versions,
        "quarantined": account_figures.quarantined,
        "derivatives": derivative_bytes,
        "used_by": cast(UsedBytes, account_figures.used_by),
        "reserved_by": cast(ReservedBytes, account_figures.reserved_by),
    }
    return JSONResponse(answer)


@router.get(
    "/whoami",
    tags=["account"],
    operation_id="get_caller",
    response_model=CallerDetails,
)
async def whoami(work: AnyWork) -> Response:
    """Whose key this is, and what it may do."""

    def load(conn: ReadConnection, actor: Actor) -> Actor:
        del conn
        return actor

    actor = await work.read(load)
    answer: CallerDetails = {
        "user_name": actor.user_name,
        "account": actor.account,
        "role": actor.role,
        "key_id": str(actor.key_id),
        "scopes": list(actor.scopes),
        "expires_at": format_timestamp(actor.expires_at),
    }
    return JSONResponse(answer)
