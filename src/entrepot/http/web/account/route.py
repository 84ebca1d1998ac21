"""The account's quota, what is used of it, and the largest of its files."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.files.derivative_space import account_derivative_bytes
from entrepot.files.queries.lists import FileFilter, list_files
from entrepot.files.queries.read import FileRecord
from entrepot.files.queries.usage import AccountUsage, account_usage
from entrepot.files.versions import QUARANTINE_PERIOD
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import SessionWork
from entrepot.quotas.reserve import Usage, get_usage

router = APIRouter()

USAGE_LABELS = {
    "current": "Current versions",
    "earlier": "Earlier versions",
    "undecided": "Being inspected",
    "quarantined": f"Rejected or not inspected, kept for {QUARANTINE_PERIOD.days} days",
    "deleted": "Deleted, can be had back",
    "withdrawn": "Withdrawn, can be had back",
    "canceled": "Canceled, about to go",
    "validations": "Came to be validated",
    "uploads": "Uploads that run",
    "resumable_uploads": "Resumable uploads",
}
"""What holds the account's bytes, as people are told."""

LARGEST = 10
"""The largest files that the page names."""


@dataclass(frozen=True)
class _AccountPage:
    usage: Usage
    account_usage: AccountUsage
    derivatives: int
    largest: list[FileRecord]


@router.get("/account", response_model=None)
async def account(request: Request, work: SessionWork) -> Response:
    """The account's quota and what is used of it."""
    actor, content = await work.read_with_actor(_load)
    return page(
        request,
        "account/page.html",
        actor,
        content=content,
        usage=content.usage,
        usage_labels=USAGE_LABELS,
    )


def _load(conn: ReadConnection, actor: Actor) -> _AccountPage:
    file_filter = FileFilter(sort="-file_size", entitlement="owned")
    return _AccountPage(
        get_usage(conn, actor.account_id),
        account_usage(conn, actor.account_id),
        account_derivative_bytes(conn, actor.account_id),
        list_files(conn, actor, LARGEST, None, file_filter),
    )
