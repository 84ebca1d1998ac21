"""A page of a version's rows, for the API and the pages alike: cursor, process, answer."""

import base64
import json
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from entrepot.errors import (
    CursorMismatch,
    EntrepotError,
    ExpressionInvalid,
    FieldInvalid,
    PreviewUnavailable,
    TypeMismatch,
    UnknownColumn,
)
from entrepot.files.forms.preview import PreviewSource, find_preview_source
from entrepot.files.forms.read_form import USE_RECORD_INTERVAL
from entrepot.http.deps import UnitOfWork
from entrepot.http.downloads.forms import form_of
from entrepot.http.downloads.read_log import reading_of
from entrepot.inspection.results import Preview, PreviewRequest

REFUSALS: dict[str, Callable[..., EntrepotError]] = {
    "expression-invalid": ExpressionInvalid,
    "unknown-column": UnknownColumn,
    "type-mismatch": TypeMismatch,
}


@dataclass(frozen=True)
class Query:
    """Which rows and columns, as they were asked for.

    `row` is where to begin by a row's number instead of an offset; `most_columns` leaves out all
    columns but the first.
    """

    columns: str | None = None
    order_by: str | None = None
    where: str | None = None
    limit: int = 100
    cursor: str | None = None
    offset: int = 0
    row: int | None = None
    most_columns: int | None = None


@dataclass(frozen=True)
class EncodedPreview:
    """A page of rows as the API shows it, and the cursor of the next one, if there is one.

    `offset` is how many rows were skipped before a first page.
    """

    document: dict[str, Any]
    cursor: str | None
    offset: int


async def preview_of(
    work: UnitOfWork, file_id: UUID, version: int | None, query: Query
) -> EncodedPreview:
    """A page of a published version, the newest by default.

    Raises DerivativePending until its Parquet is there, what `find_preview_source` and `form_of`
    raise, ExpressionInvalid, UnknownColumn, TypeMismatch, CursorMismatch, FieldInvalid, and what
    `Previewer.page` raises.
    """
    found = await work.cached_read(find_preview_source, file_id, version)
    if found is None or work.now - found.used_at >= USE_RECORD_INTERVAL:
        await form_of(work, file_id, "parquet", version)
        found = await work.read(find_preview_source, file_id, version)
    path = work.parts.store.path(found.parquet.blob_id) if found is not None else None
    if found is None or path is None or not path.exists():  # it expired a moment ago
        raise PreviewUnavailable
    if query.cursor is not None and query.offset:
        raise FieldInvalid("offset", "is for the first page; further ones have a cursor.")
    after = _read_cursor(query.cursor, found, query) if query.cursor is not None else None
    offset = query.offset if query.row is None else max(0, query.row - found.first_row)
    request = PreviewRequest(
        path=Path(path),
        size=found.parquet.size,
        columns=query.columns,
        order_by=query.order_by,
        where=query.where,
        limit=query.limit,
        after=after,
        offset=offset,
        most_columns=query.most_columns,
    )
    made = await work.runtime.previewer.page(found.parquet.reader.account_id, request)
    if made.refused is not None:
        raise _refusal(made.refused)
    page = _page(found, query, made, offset)
    shown = json.dumps(page.document["rows"], ensure_ascii=False, separators=(",", ":"))
    reading_of(work, found.parquet).part(len(shown.encode()))
    return page


def _page(found: PreviewSource, query: Query, made: Preview, offset: int) -> EncodedPreview:
    types = dict(found.types)
    columns = [
        {"name": c["name"], "type": types.get(c["name"], "string"), "stored_as": c["stored_as"]}
        for c in made.columns
    ]
    rows = [
        {"_row": found.first_row + row["number"], "values": row["values"]}
        | ({"cut": row["cut"]} if "cut" in row else {})
        for row in made.rows
    ]
    document = {
        "version": found.parquet.number,
        "row_count": found.row_count,
        "columns": columns,
        "rows": rows,
    }
    cursor = _write_cursor(found, query, made.rows[-1]["number"]) if made.more else None
    return EncodedPreview(document, cursor, offset)


def _refusal(refused: dict[str, Any]) -> EntrepotError:
    told = dict(refused)
    code, detail = told.pop("code"), told.pop("detail")
    kind = REFUSALS.get(code)
    if kind is not None:
        return kind(reason=detail, **told)
    field = str(told["field"])
    return FieldInvalid(field, detail.removeprefix(f"{field}: "))


def _write_cursor(found: PreviewSource, query: Query, row: int) -> str:
    """Where a page ended: the row, whose sort key stands in the file, and which query it is of."""
    raw = json.dumps([row, _digest(found, query)], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read_cursor(text: str, found: PreviewSource, query: Query) -> int:
    """The row. Raises FieldInvalid for what we never wrote, CursorMismatch for another query's."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        row, digest = json.loads(raw)
        wrong = not isinstance(row, int) or not isinstance(digest, str) or not 0 <= row < 1 << 62
    except (Base64Error, ValueError, TypeError, RecursionError):
        wrong = True
    if wrong:
        raise FieldInvalid("cursor", "is not one that a `Link` header of a preview named.")
    if digest != _digest(found, query):
        raise CursorMismatch
    return int(row)


def _digest(found: PreviewSource, query: Query) -> str:
    """What a cursor is bound to: other columns or another length of the page may be asked for."""
    bound = json.dumps([str(found.version_id), query.order_by or "", query.where or ""])
    return sha256(bound.encode()).hexdigest()[:16]
