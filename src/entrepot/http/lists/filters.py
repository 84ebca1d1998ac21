"""What a list of files is asked for: search, filters, order and page, by the API and the pages."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, get_args

from fastapi import Query, Request
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from entrepot.accounts.users import split_user_name
from entrepot.errors import FieldInvalid
from entrepot.files.queries.lists import (
    ALL_FILES,
    FileFilter,
    Sort,
    position_of,
    position_own_first,
)
from entrepot.files.queries.read import FileRecord
from entrepot.http.lists.paging import Listing
from entrepot.http.parameters import BYTES, Cursor, MaxSize, MinSize, refuse_unknown

MAX_TEXT_CHARS = 255
"""Characters of a text to search for, as of a file's name."""
SORTS = get_args(Sort)
TIME = TypeAdapter[datetime](AwareDatetime)

Name = Annotated[str, Query(description="A part of the file's name, in upper or lower case.")]
AtPath = Annotated[str, Query(description="The file's path, whole and exact.")]
InFolder = Annotated[
    str, Query(description="The files below a folder: `sales` finds `sales/orders`, at any depth.")
]
UserName = Annotated[str, Query(description="The file's owner, `account:user`.")]
OwnedOrShared = Annotated[str, Query(description="`owned` (an admin's account's too) or `shared`.")]
MediaType = Annotated[
    str, Query(description="The media type of the current version, such as `text/csv`.")
]
Enforced = Annotated[str, Query(description="`true`: files with a schema; `false`: without.")]
HasPublished = Annotated[str, Query(description="`true`: a version is published; `false`: none.")]
Since = Annotated[
    str,
    Query(description="Updated since this time (RFC 3339), or this day in UTC."),
]
Order = Annotated[str, Query(description=f"One of {', '.join(SORTS)}.")]

FILTERS = (
    "name", "path", "folder", "user_name", "entitlement", "media_type", "enforced", "published",
    "updated_since", "min_size", "max_size",
)  # fmt: skip
PARAMETERS = (*FILTERS, "sort", "limit", "cursor")


@dataclass(frozen=True)
class FileQuery:
    """Which files, in which order, and the cursor of the page."""

    file_filter: FileFilter
    cursor: str | None

    @property
    def own_first(self) -> "FileQuery":
        """The same for a client that knows no paging, if it has not chosen another order."""
        if self.file_filter.sort != ALL_FILES.sort:
            return self
        return replace(self, file_filter=replace(self.file_filter, own_first=True))

    @property
    def listing(self) -> Listing[FileRecord]:
        """The list of such files, whose cursors no other one takes."""
        plain = json.dumps(asdict(self.file_filter), default=str, sort_keys=True)
        return Listing(
            "files",
            position_own_first
            if self.file_filter.own_first
            else lambda file: position_of(file, self.file_filter.sort),
            _key_type(self.file_filter.sort),
            sha256(plain.encode()).hexdigest()[:16] if self.file_filter != ALL_FILES else "",
        )


def read_file_query(
    request: Request,
    name: Name = "",
    path: AtPath = "",
    folder: InFolder = "",
    user_name: UserName = "",
    entitlement: OwnedOrShared = "",
    media_type: MediaType = "",
    enforced: Enforced = "",
    published: HasPublished = "",
    updated_since: Since = "",
    min_size: MinSize = None,
    max_size: MaxSize = None,
    sort: Order = "created_at",
    cursor: Cursor = None,
) -> FileQuery:
    """What the parameters, which are named here for the API's description, ask for.

    Raises FieldInvalid that names the first one that is wrong or unknown.
    """
    del name, path, folder, user_name, entitlement, media_type, enforced, published, updated_since
    del min_size, max_size, sort, cursor
    parameters = request.query_params
    refuse_unknown(request, PARAMETERS, f"to this list, which takes {', '.join(PARAMETERS)}.")
    return parse_file_query(parameters)


def parse_file_query(parameters: Mapping[str, str]) -> FileQuery:
    """What a list is asked for; empty parameters, as forms send them, ask for nothing.

    Raises FieldInvalid that names the first one that is wrong.
    """
    file_filter = FileFilter(
        sort=_choice("sort", parameters.get("sort") or ALL_FILES.sort, SORTS),
        name=_text("name", parameters),
        user_name=_user_name(parameters.get("user_name", "")),
        entitlement=_choice("entitlement", parameters.get("entitlement", ""), ("owned", "shared")),
        media_type=(_text("media_type", parameters) or "").lower() or None,
        enforced=_boolean("enforced", parameters),
        published=_boolean("published", parameters),
        updated_since=_time("updated_since", parameters),
        min_size=BYTES.read(parameters.get("min_size"), "min_size"),
        max_size=BYTES.read(parameters.get("max_size"), "max_size"),
        path=_text("path", parameters),
        folder=(_text("folder", parameters) or "").strip("/") or None,
    )
    return FileQuery(file_filter, parameters.get("cursor"))


def _key_type(sort: Sort) -> type[datetime] | type[str] | type[int]:
    """What the keys of an order are."""
    return {"file_name": str, "file_size": int}.get(sort.removeprefix("-"), datetime)


def _choice(field: str, text: str, choices: tuple[str, ...]) -> Any:
    if text and text not in choices:
        raise FieldInvalid(field=field, reason=f"must be one of {', '.join(choices)}.")
    return text or None


def _text(field: str, parameters: Mapping[str, str]) -> str | None:
    text = parameters.get(field, "")
    if len(text) > MAX_TEXT_CHARS or "\0" in text:
        raise FieldInvalid(
            field=field, reason=f"has at most {MAX_TEXT_CHARS} characters, and no NUL."
        )
    return text or None


def _user_name(text: str) -> str | None:
    try:
        return ":".join(split_user_name(text)) if text else None
    except FieldInvalid as error:
        raise FieldInvalid("user_name", error.reason, "acme:anna") from None


def _boolean(field: str, parameters: Mapping[str, str]) -> bool | None:
    text = _choice(field, parameters.get(field, ""), ("true", "false"))
    return text == "true" if text else None


def _time(field: str, parameters: Mapping[str, str]) -> datetime | None:
    text = parameters.get(field, "").strip()
    if not text:
        return None
    try:
        # A plus that was not escaped arrives as a space.
        plain = f"{text}T00:00:00Z" if len(text) == len("2026-01-31") else text.replace(" ", "+")
        moment = TIME.validate_strings(plain)
        if 1 < moment.year < 9999:  # so that it is one in UTC too
            return moment.astimezone(UTC)
    except ValidationError:
        pass
    reason = "must be a time with its zone, as in RFC 3339, or a day."
    raise FieldInvalid(field, reason, "2026-01-31T08:00:00Z")
