"""A page of a version's rows, for the API and the pages alike: cursor, process, answer."""

import base64
import json
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from entrepot.blobs.store import BlobId
from entrepot.errors import (
    BlobMissing,
    CursorMismatch,
    EntrepotError,
    ExpressionInvalid,
    FieldInvalid,
    PreviewUnavailable,
    TypeMismatch,
    UnknownColumn,
)
from entrepot.files.borrow import borrow_blob
from entrepot.files.forms.preview import PreviewSource, find_preview_source
from entrepot.files.forms.read_form import USE_RECORD_INTERVAL
from entrepot.http.deps import UnitOfWork
from entrepot.http.downloads.forms import MAX_WAIT_SECONDS, get_form
from entrepot.http.downloads.read_log import start_recorded_read
from entrepot.http.stored_documents import view_document
from entrepot.inspection.results import Preview, PreviewRequest

REQUEST_ERRORS: dict[str, Callable[..., EntrepotError]] = {
    "expression-invalid": ExpressionInvalid,
    "unknown-column": UnknownColumn,
    "type-mismatch": TypeMismatch,
}


@dataclass(frozen=True)
class PreviewQuery:
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
class RowsPage:
    """A page of rows as the API shows it, and the cursor of the next one, if there is one.

    `offset` is how many rows were skipped before a first page.
    """

    document: dict[str, Any]
    cursor: str | None
    offset: int


async def get_preview_page(
    work: UnitOfWork,
    file_id: UUID,
    version: int | None,
    query: PreviewQuery,
    wait_seconds: float = MAX_WAIT_SECONDS,
) -> RowsPage:
    """A page of a published version, by default the newest that has a Parquet.

    Waits for the Parquet as `get_form` does. Raises what that and `find_preview_source` raise,
    ExpressionInvalid, UnknownColumn, TypeMismatch, CursorMismatch, FieldInvalid, and what
    `Previewer.page` raises.
    """
    source = await work.cached_read(find_preview_source, file_id, version)
    if source is None or work.now - source.used_at >= USE_RECORD_INTERVAL:
        parquet = await get_form(work, file_id, "parquet", version, wait_seconds)
        source = await work.read(find_preview_source, file_id, parquet.number)
    if source is None:  # it expired a moment ago
        raise PreviewUnavailable
    if query.cursor is not None and query.offset:
        raise FieldInvalid("offset", "is for the first page; further ones have a cursor.")
    after = _read_cursor(query.cursor, source, query) if query.cursor is not None else None
    offset = query.offset if query.row is None else max(0, query.row - source.first_row)
    async with _borrow(work, source.parquet.blob_id) as path:
        request = PreviewRequest(
            path=path,
            size=source.parquet.size,
            columns=query.columns,
            order_by=query.order_by,
            where=query.where,
            limit=query.limit,
            after=after,
            offset=offset,
            most_columns=query.most_columns,
        )
        preview = await work.runtime.previewer.page(source.parquet.reader.account_id, request)
    if preview.problem is not None:
        raise _request_error(preview.problem)
    types: dict[str, str] = {}
    if source.schema is not None:
        types = await view_document(work, _column_types, source.schema)
    page = _page(source, types, query, preview, offset)
    rows_json = json.dumps(page.document["rows"], ensure_ascii=False, separators=(",", ":"))
    start_recorded_read(work, source.parquet).record_part(len(rows_json.encode()))
    return page


@asynccontextmanager
async def _borrow(work: UnitOfWork, blob_id: BlobId) -> AsyncIterator[Path]:
    """The Parquet as a local file. Raises PreviewUnavailable if it expired a moment ago."""
    borrowed = borrow_blob(work.parts.database, work.parts.store, blob_id)
    try:
        path = await work.runtime.run_in_byte_thread(borrowed.__enter__)
    except BlobMissing:
        raise PreviewUnavailable from None
    try:
        yield path
    finally:
        await work.runtime.run_in_byte_thread(borrowed.__exit__, None, None, None)


def _column_types(schema: dict[str, Any]) -> dict[str, str]:
    """The schema's types by column."""
    return {field["name"]: field.get("type", "any") for field in schema.get("fields", [])}


def _page(
    source: PreviewSource, types: dict[str, str], query: PreviewQuery, preview: Preview, offset: int
) -> RowsPage:
    columns = [
        {"name": c["name"], "type": types.get(c["name"], "string"), "stored_as": c["stored_as"]}
        for c in preview.columns
    ]
    rows = [
        {"_row": source.first_row + row["number"], "values": row["values"]}
        | ({"cut": row["cut"]} if "cut" in row else {})
        for row in preview.rows
    ]
    document = {
        "version": source.parquet.number,
        "row_count": source.row_count,
        "columns": columns,
        "rows": rows,
    }
    cursor = _write_cursor(source, query, preview.rows[-1]["number"]) if preview.more else None
    return RowsPage(document, cursor, offset)


def _request_error(error: dict[str, Any]) -> EntrepotError:
    figures = dict(error)
    code, detail = figures.pop("code"), figures.pop("detail")
    kind = REQUEST_ERRORS.get(code)
    if kind is not None:
        return kind(reason=detail, **figures)
    field = str(figures["field"])
    return FieldInvalid(field, detail.removeprefix(f"{field}: "))


def _write_cursor(source: PreviewSource, query: PreviewQuery, row: int) -> str:
    """Where a page ended: the row, whose sort key stands in the file, and which query it is of."""
    raw = json.dumps([row, _digest(source, query)], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read_cursor(text: str, source: PreviewSource, query: PreviewQuery) -> int:
    """The row. Raises FieldInvalid for what we never wrote, CursorMismatch for another query's."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        row, digest = json.loads(raw)
        invalid = not isinstance(row, int) or not isinstance(digest, str) or not 0 <= row < 1 << 62
    except (Base64Error, ValueError, TypeError, RecursionError):
        invalid = True
    if invalid:
        raise FieldInvalid("cursor", "is not one that a `Link` header of a preview named.")
    if digest != _digest(source, query):
        raise CursorMismatch
    return int(row)


def _digest(source: PreviewSource, query: PreviewQuery) -> str:
    """What a cursor is bound to: other columns or another length of the page may be asked for."""
    text = json.dumps([str(source.version_id), query.order_by or "", query.where or ""])
    return sha256(text.encode()).hexdigest()[:16]
