"""The account's quota, what is used of it, the largest of its files; who shares files with it."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import FieldInvalid
from entrepot.files.derivative_space import account_derivative_bytes
from entrepot.files.queries.lists import FileFilter, list_files
from entrepot.files.queries.read import FileRecord
from entrepot.files.queries.usage import AccountUsage, account_usage
from entrepot.grants.senders import (
    Decision,
    SendingAccount,
    decide_on_sender,
    get_sender,
    list_senders,
    require_deciding,
)
from entrepot.grants.share_limits import MAX_UNACCEPTED_FILES
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import SessionWork, redirect
from entrepot.quotas.reserve import Usage, get_usage
from entrepot_client.cli.labels.usage import METADATA_LABEL, USAGE_LABELS

router = page_router()

DECISIONS: dict[str, Decision | None] = {"accepted": "accepted", "blocked": "blocked", "": None}
"""The decisions on a sender, as forms send them."""

LARGEST = 10
"""The largest files that the page names."""


@dataclass(frozen=True)
class _AccountPage:
    usage: Usage
    account_usage: AccountUsage
    derivatives: int
    largest: list[FileRecord]
    senders: list[SendingAccount]


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
        metadata_label=METADATA_LABEL,
        most_unaccepted=MAX_UNACCEPTED_FILES,
    )


@router.get("/account/senders/{account}/block", response_model=None)
async def ask_to_block(
    request: Request, account: str, work: SessionWork, for_account: bool = False
) -> Response:
    """Say what will end, and ask."""
    actor, sender = await work.read_with_actor(get_sender, account)
    require_deciding(actor, for_account)
    return page(request, "account/block.html", actor, sender=sender, for_account=for_account)


@router.post("/account/senders/{account}", response_model=None)
async def decide(request: Request, account: str, work: SessionWork) -> Response:
    """Accept or block an account that shares files, or take that back."""
    form = await read_form(request)
    if form.text("decision") not in DECISIONS:
        raise FieldInvalid(
            "decision", f"must be one of {', '.join(filter(None, DECISIONS))} or empty."
        )
    decision, for_account = DECISIONS[form.text("decision")], form.text("for_account") == "true"
    await work.write_into_reserve(decide_on_sender, account, decision, for_account, work.now)
    return redirect("/account#senders", Confirmation.SENDER)


def _load(conn: ReadConnection, actor: Actor) -> _AccountPage:
    file_filter = FileFilter(sort="-file_size", entitlement="owned")
    return _AccountPage(
        get_usage(conn, actor.account_id),
        account_usage(conn, actor.account_id),
        account_derivative_bytes(conn, actor.account_id),
        list_files(conn, actor, LARGEST, None, file_filter),
        list_senders(conn, actor),
    )
