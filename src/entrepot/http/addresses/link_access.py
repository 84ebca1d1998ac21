"""Who uses a link to a file: its secret, its password, and what every answer to them is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated

from fastapi import Path, Request
from starlette.datastructures import Headers

from entrepot.accounts.actor import LinkedAccess
from entrepot.errors import (
    LinkEnded,
    LinkPasswordRequired,
    NoPublishedVersion,
    NotAllowed,
    NotFound,
    VersionDeleted,
    VersionWithdrawn,
)
from entrepot.grants.link_use import UsableLink, get_usable_link, require_link
from entrepot.http.deps import UnitOfWork, basic_password, open_link_work, read_request_origin
from entrepot.http.places import is_plain
from entrepot.http.runtime import Runtime

MAX_PROOFS = 10_000
"""Passwords of links that this process has seen to be right."""
LinkInPath = Annotated[
    str,
    Path(
        description="The link's secret; after a slash any name, such as `epl_…/orders.csv`. "
        "The name has no effect.",
        examples=["epl_…/orders.csv"],
    ),
]
LinkSecretInPath = Annotated[str, Path(description="The link's secret: `epl_…`.")]


@dataclass(frozen=True)
class LinkUser:
    """Whoever has a link, and has sent its password if it needs one: their unit of work, what the
    link allows, its secret, and the name that the address ends with (empty: none)."""

    work: UnitOfWork
    access: LinkedAccess
    secret: str
    name: str


async def open_link(request: Request, link: str) -> LinkUser:
    """Who uses the link of an address. Raises NotFound, LinkEnded, LinkPasswordRequired,
    TooManyAttempts."""
    secret, _, name = link.partition("/")
    if "/" in name or not is_plain(request):
        raise NotFound
    work = open_link_work(request, secret)
    usable = await work.cached_read(get_usable_link)
    if usable.password_hash is not None:
        await _require_password(request, work, usable, usable.password_hash)
    return LinkUser(work, require_link(usable.actor), secret, name)


@contextmanager
def link_problems() -> Iterator[None]:
    """Answer as for a link that has ended where what it leads to is gone: who has a link learns
    neither why nor what else there is."""
    gone = NotFound, NotAllowed, NoPublishedVersion, VersionWithdrawn, VersionDeleted
    try:
        yield
    except gone:
        raise LinkEnded from None


def prefers_page(request: Request) -> bool:
    """Whether a person with a browser waits for the answer."""
    return "text/html" in request.headers.get("accept", "")


async def _require_password(
    request: Request, work: UnitOfWork, usable: UsableLink, password_hash: str
) -> None:
    """Check the password of a request. Guesses are limited as those of a user's password are. A
    right one is checked slowly once: programs send it with each part that they read."""
    password = basic_password(Headers(scope=request.scope))
    if not password:
        raise LinkPasswordRequired(reason="This link needs a password.")
    runtime = work.runtime
    link_id = require_link(usable.actor).link_id
    # With the secret of the installation, so that nothing in memory helps to guess it.
    proof = sha256(runtime.parts.secret + password_hash.encode() + password.encode()).digest()
    if _is_proven(runtime, proof):
        return
    address = read_request_origin(request).address
    checks = runtime.password_checks
    if not await checks.verify(f"link {link_id}", password_hash, password, address, None):
        # The link may have been looked up for an earlier request, from elsewhere.
        actor = replace(usable.actor, request_origin=work.request_origin)
        runtime.record_refused_actor(actor, "wrong link password", work.now)
        raise LinkPasswordRequired(reason="The password is wrong.")
    _note_proven(runtime, proof)


def _is_proven(runtime: Runtime, proof: bytes) -> bool:
    proofs = runtime.link_passwords
    if proof in proofs:
        proofs.move_to_end(proof)
        return True
    return False


def _note_proven(runtime: Runtime, proof: bytes) -> None:
    runtime.link_passwords[proof] = None
    if len(runtime.link_passwords) > MAX_PROOFS:
        runtime.link_passwords.popitem(last=False)
