"""How objects of the domain become the wire types of the API (`http.api.models`)."""

from typing import cast

from entrepot.accounts.keys import ApiKey
from entrepot.accounts.users import User
from entrepot.files.comparisons import KIND as COMPARISON
from entrepot.files.queries.read import FileRecord
from entrepot.files.queries.revisions import Revision
from entrepot.files.queries.versions_list import Version, Withdrawal
from entrepot.files.transfer import Offer
from entrepot.grants.entitlements import GrantedEntitlement
from entrepot.http.api.models.files import FileSummary
from entrepot.http.api.models.people import KeyDetails, UserDetails
from entrepot.http.api.models.problems import Problem
from entrepot.http.api.models.sharing import EntitlementDetails, OfferDetails
from entrepot.http.api.models.tasks import TaskDetails
from entrepot.http.api.models.versions import (
    SchemaChange,
    SchemaRevision,
    VersionDetails,
    VersionException,
    WithdrawalDetails,
)
from entrepot.http.places import API
from entrepot.http.problems.handlers import task_problem
from entrepot.http.timestamps import format_timestamp
from entrepot.tasks.records import TaskRecord


def file_payload(file: FileRecord) -> FileSummary:
    """A file: the seed's six keys in the seed's order and formats, then ours."""
    return {
        "created_at": format_timestamp(file.created_at),
        "entitlement": file.entitlement,
        "file_description": file.description,
        "file_id": str(file.id),
        "file_name": file.name,
        "user_name": file.user_name,
        "updated_at": format_timestamp(file.updated_at),
        "version": file.version,
        "file_size": file.size,
        "file_size_limit": file.size_limit,
        "enforce_schema": file.enforcement != "none",
        "media_type": file.media_type,
        "sha256": file.sha256,
        "row_count": file.row_count,
        "from_other_account": file.is_foreign,
        "path": file.path,
    }


def version_payload(version: Version) -> VersionDetails:
    """A version of a file, as it is listed."""
    return {
        "version": version.number,
        "status": version.status,
        "file_size": version.size,
        "sha256": version.sha256,
        "row_count": version.row_count,
        "created_at": format_timestamp(version.created_at),
        "user_name": version.user_name,
        "task_id": str(version.task_id),
        "restored_from": version.restored_from,
        "accepted_from": version.accepted_from,
        "reason": version.reason,
        "replaces": version.replaces,
        "quarantined_until": format_timestamp(version.quarantined_until),
        "undo_until": format_timestamp(version.undo_until),
        "withdrawal": withdrawal_payload(version.withdrawal),
        "link_id": str(version.link_id) if version.link_id else None,
    }


def withdrawal_payload(withdrawal: Withdrawal | None) -> WithdrawalDetails | None:
    """When, why and by whom a version was withdrawn."""
    if withdrawal is None:
        return None
    return {
        "withdrawn_at": format_timestamp(withdrawal.withdrawn_at),
        "reason": withdrawal.reason,
        "user_name": withdrawal.user_name,
        "purged": withdrawal.purged,
    }


def exception_payload(exception: Version | None) -> VersionException | None:
    """Why the current version is published although it breaks the contract."""
    if exception is None:
        return None
    return {
        "accepted_from": exception.accepted_from,
        "reason": exception.reason,
        "user_name": exception.user_name,
        "created_at": format_timestamp(exception.created_at),
    }


def task_payload(task: TaskRecord) -> TaskDetails:
    """A task, as it is polled and as its events carry it."""
    percent = 0.0
    if task.total:
        share = round(100 * task.done / task.total, 1)
        # 0 only before the first byte, and 100 only after the last one.
        percent = max(share, 0.1 if task.done else 0.0)
        percent = min(percent, 99.9) if task.done < task.total else 100.0
    report = None
    if task.has_report:
        report = f"{API}/task/{task.id}/report"
        if task.kind == COMPARISON:
            report = f"{API}/task/{task.id}/comparison"
        if task.version is not None:
            report = f"{API}/file/{task.file_id}/report?version={task.version}"
    return {
        "task_id": str(task.id),
        "kind": task.kind,
        "status": task.status,
        "progress": {
            "stage": task.stage,
            "done": task.done,
            "total": task.total,
            "unit": "bytes",
            "percent": percent,
        },
        "created_at": format_timestamp(task.created_at),
        "started_at": format_timestamp(task.started_at),
        "finished_at": format_timestamp(task.finished_at),
        "user_name": task.user_name,
        "file_id": str(task.file_id) if task.file_id else None,
        "file_name": task.file_name,
        "path": task.path,
        "version": task.version,
        "error": cast(Problem, task_problem(task.error)) if task.error else None,
        "report_url": report,
    }


def entitlement_payload(granted: GrantedEntitlement) -> EntitlementDetails:
    """An entitlement, as those who manage the file see it."""
    return {
        "user_name": granted.user_name,
        "entitlement": granted.entitlement,
        "expires_at": format_timestamp(granted.expires_at),
        "granted_by": granted.granted_by,
        "created_at": format_timestamp(granted.created_at),
    }


def offer_payload(offer: Offer) -> OfferDetails:
    """A file that the caller is offered; `user_name` is its present owner."""
    return {
        "file_id": str(offer.file_id),
        "file_name": offer.file_name,
        "file_description": offer.description,
        "user_name": offer.owner,
        "bytes": offer.size,
        "entitlements": offer.entitlements,
        "offered_at": format_timestamp(offer.created_at),
    }


def revision_payload(revision: Revision) -> SchemaRevision:
    """A revision of a schema without the schema."""
    return {
        "revision": revision.number,
        "source": revision.source,
        "dialect": revision.reading.dialect,
        "encoding": revision.reading.encoding,
        "version": revision.version,
        "effect": revision.effect,
        "changes": cast(list[SchemaChange] | None, revision.changes),
        "user_name": revision.user_name,
        "created_at": format_timestamp(revision.created_at),
    }


def user_payload(user: User) -> UserDetails:
    """A user of the caller's account."""
    return {
        "user_name": user.user_name,
        "role": user.role,
        "created_at": format_timestamp(user.created_at),
        "disabled": user.disabled,
    }


def key_payload(key: ApiKey) -> KeyDetails:
    """A key without its secret."""
    return {
        "key_id": str(key.id),
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "user_name": key.user_name,
        "created_at": format_timestamp(key.created_at),
        "expires_at": format_timestamp(key.expires_at),
        "last_used_at": format_timestamp(key.last_used_at),
    }
