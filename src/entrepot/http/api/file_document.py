"""A file as the API shows it alone, and the entity tag that a change may be made conditional on."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import PreconditionFailed
from entrepot.files.delivery.deliver import has_undecided_version, newest_visible_number
from entrepot.files.queries.read import get_file
from entrepot.files.queries.versions_list import find_accepted_version
from entrepot.files.transfer import get_offer_recipient
from entrepot.http.api.models.files import FileDetails, RetentionRule
from entrepot.http.api.payloads import exception_payload, file_payload
from entrepot.http.downloads.conditions import (
    Validators,
    bytes_etag,
    check_preconditions,
    is_unchanged,
)
from entrepot.http.uploads.target import Condition

NO_DATE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class FileDocument:
    """A file's document, and its strong entity tag, quoted."""

    document: FileDetails
    etag: str

    @property
    def validators(self) -> Validators:
        """What a condition is checked against: the tag alone, since a second is too coarse."""
        return Validators(self.etag, NO_DATE)


def load_file_document(conn: ReadConnection, actor: Actor, file_id: UUID) -> FileDocument:
    """The file with its schema, its dialect, its retention, and whether its current version is an
    exception to the contract; for those who manage it, whom it is offered to. Raises NotFound.

    The tag also changes with each delivery that was acknowledged, before it is published: of two
    who deliver on the strength of the same state, the second gets an error. (Who may not read sees
    only their own.)
    """
    record = get_file(conn, actor, file_id)
    document: FileDetails = {
        **file_payload(record),  # type: ignore[typeddict-item]  # `get_offer_recipient` may follow
        "schema": cast(dict[str, Any] | None, record.schema),
        "table_dialect": record.reading.dialect,
        "encoding": record.reading.encoding,
        "retention": cast(RetentionRule | None, record.retention),
        "exception": exception_payload(find_accepted_version(conn, file_id, record.version)),
    }
    if record.rights.manages:
        document["offered_to"] = get_offer_recipient(conn, file_id)
    state = json.dumps([document, newest_visible_number(conn, actor, file_id)], sort_keys=True)
    return FileDocument(document, f'"{sha256(state.encode()).hexdigest()[:32]}"')


def require_match(conn: ReadConnection, actor: Actor, file_id: UUID, match: str | None) -> None:
    """Compare an If-Match with the file as it is. Raises PreconditionFailed, NotFound."""
    if match is not None:
        current = load_file_document(conn, actor, file_id).validators
        check_preconditions({"if-match": match}, current)


def require_delivery_match(
    conn: ReadConnection, actor: Actor, file_id: UUID, match: str | None, none_match: str | None
) -> None:
    """Compare an If-Match and an If-None-Match of a delivery with the file as it is, or with its
    bytes as a download has them. Raises PreconditionFailed, NotFound.

    While a delivery before it is undecided, no If-Match of the bytes holds: of two who deliver on
    the strength of the same bytes, the second gets an error.
    """
    file = load_file_document(conn, actor, file_id)
    sha256_of_bytes = file.document["sha256"]
    bytes_etags = (bytes_etag(sha256_of_bytes),) if sha256_of_bytes is not None else ()
    if match is not None:
        lasting = () if has_undecided_version(conn, file_id) else bytes_etags
        check_preconditions({"if-match": match}, replace(file.validators, other_etags=lasting))
    if none_match is not None:
        current = replace(file.validators, other_etags=bytes_etags)
        if is_unchanged({"if-none-match": none_match}, current):
            raise PreconditionFailed


def match_condition(match: str | None, none_match: str | None = None) -> Condition | None:
    """What If-Match and If-None-Match demand of the file that an upload is for; None: nothing."""
    if match is None and none_match is None:
        return None
    return partial(require_delivery_match, match=match, none_match=none_match)
