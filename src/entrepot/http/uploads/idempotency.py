"""Requests that may be repeated: the header `Idempotency-Key`, and when two are the same."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from fastapi import Request

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import find_replied_task, run_once

HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255
"""As Stripe and others allow; clients send UUIDs."""
# RFC 9651, 3.3.3 (a quoted string, as the draft has it); or the bare word that many clients send.
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x7e]+")


def idempotency_key(request: Request) -> str | None:
    """The request's key, without its quotes; None if it has none. Raises FieldInvalid."""
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    value = values[0].strip()
    quoted = _QUOTED.fullmatch(value)
    key = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else value
    valid = quoted or _BARE.fullmatch(value)
    if len(values) > 1 or not valid or not 1 <= len(key) <= MAX_KEY_CHARS:
        raise FieldInvalid(
            field=HEADER,
            reason=f"must be one string of 1 to {MAX_KEY_CHARS} characters of ASCII.",
            example=f'{HEADER}: "8e03978e-40d5-43dd-bc93-6894a57f9324"',
        )
    return key


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that may be repeated: its key, if it has one, and what is the same for the same."""

    key: str | None
    fingerprint: str

    @classmethod
    def of(
        cls, request: Request, operation: str, *arguments: str | int | bool
    ) -> "IdempotentRequest":
        """`operation` is asked, with all that was `arguments`. Raises FieldInvalid."""
        text = json.dumps([operation, *arguments]).encode()
        return cls(idempotency_key(request), sha256(text).hexdigest())

    def find_task(self, conn: WriteConnection, actor: Actor, now: datetime) -> TaskId | None:
        """The task that the same request was answered with. Raises KeyReused, RequestUnderWay."""
        return find_replied_task(conn, actor.user_id, self.key, self.fingerprint, now)

    def run_once(
        self, conn: WriteConnection, actor: Actor, now: datetime, make: Callable[[], TaskId]
    ) -> TaskId:
        """What `make` makes, or what it made the first time. Raises as `find_task` does."""
        return run_once(conn, actor.user_id, self.key, self.fingerprint, now, make)


def fingerprint(
    operation: str,
    file_name: str | None,
    fields: Mapping[str, bytes | bytearray],
    stored: StoredBlob,
) -> str:
    """The same for the same request: what is asked, each field, and the file byte for byte.

    64 hex digits. The order of the fields, and how the form was cut into parts, do not count.
    """
    field_hashes = [(name, sha256(fields[name]).hexdigest()) for name in sorted(fields)]
    content = [operation, file_name, stored.size, stored.sha256, field_hashes]
    return sha256(json.dumps(content).encode()).hexdigest()
