"""Remember which keys and sessions somebody holds, so that each is looked up once."""

from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import find_key_holder
from entrepot.accounts.secrets import keyed_digest
from entrepot.accounts.sessions import authenticate_session
from entrepot.db.types import ReadConnection
from entrepot.errors import AccountSuspended, NotAuthenticated
from entrepot.http.limits.rates import MAX_COUNTERS
from entrepot.http.runtime import Runtime


class KnownCallers:
    """The digests of keys and sessions that were looked up, as long as they are used.

    For counting requests alone: what a key or a session allows is checked with each request.
    Use it from the event loop's thread.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._digests: OrderedDict[bytes, UUID | None] = OrderedDict()

    async def find_account(self, digest: bytes) -> UUID | None:
        """The account of whoever holds the key; None while it is suspended. Raises NotAuthenticated
        if nobody holds it."""
        if self._is_known(digest):
            return self._digests[digest]
        database, clock = self._runtime.parts.database, self._runtime.parts.clock
        # Whoever is suspended holds their key: the route says that it cannot be used now.
        with suppress(AccountSuspended):
            actor: Actor = await self._runtime.run_in_database_thread(
                database.read, find_key_holder, digest, clock()
            )
            self._add(digest, actor.account_id)
            return actor.account_id
        return None

    def forget_key(self, digest: bytes) -> None:
        """Look the key up at its next request."""
        self._digests.pop(digest, None)

    async def find_session(self, token: str | None) -> bytes | None:
        """The digest of a session's token; None if there is no such session."""
        if token is None:
            return None
        secret = self._runtime.parts.secret
        digest = bytes(keyed_digest(secret, "session", token))
        if self._is_known(digest):
            return digest
        database, clock = self._runtime.parts.database, self._runtime.parts.clock
        try:
            await self._runtime.run_in_database_thread(
                database.read, _check_session, secret, token, clock()
            )
        except (NotAuthenticated, AccountSuspended):
            return None
        self._add(digest, None)
        return digest

    def _is_known(self, digest: bytes) -> bool:
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True

    def _add(self, digest: bytes, account_id: UUID | None) -> None:
        self._digests[digest] = account_id
        if len(self._digests) > MAX_COUNTERS:
            self._digests.popitem(last=False)


def _check_session(conn: ReadConnection, secret: bytes, token: str, now: datetime) -> None:
    authenticate_session(conn, secret, token, now)
