"""What a file's page shows of stored documents: findings, and what revisions changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from entrepot.files.queries.read import Findings
from entrepot.files.queries.revisions import Revision
from entrepot.files.unused_parts import describe_unused
from entrepot.http.deps import UnitOfWork
from entrepot.http.stored_documents import view_document, visible_report
from entrepot.http.web.files.contract import change_counts
from entrepot.http.web.files.format_details import FormatDetail, profile_details
from entrepot.http.web.files.profile import ColumnsView, columns_view
from entrepot.http.web.reports import ReportView, report_view
from entrepot.texts.json_text import JsonText, render_json

CHANGES_SHOWN = 30
"""Changes of one revision on the page; all of them are in the API's answer."""


@dataclass(frozen=True)
class FindingsView:
    """What the page shows of an inspection's findings."""

    report: ReportView | None = None
    details: Sequence[FormatDetail] = ()
    profile: ColumnsView = field(default_factory=ColumnsView)
    unused: Sequence[str] = ()


async def view_findings(
    work: UnitOfWork, findings: Findings | None, contract: JsonText | None
) -> FindingsView:
    """The parts that the page shows; `contract` is the file's schema if it is enforced. Raises
    SchemaTooCostly, TooManySchemas."""
    if findings is None:
        return FindingsView()
    text = await visible_report(work, findings.report, findings.reads)
    report = await view_document(work, report_view, text)
    details = await view_document(work, profile_details, findings.profile)
    profile, unused = ColumnsView(), list[str]()
    if findings.columns is not None:
        document = JsonText(render_json({"schema": contract, "columns": findings.columns}))
        profile = await view_document(work, columns_view, document)
        if findings.reads and contract is not None:
            unused = await view_document(work, describe_unused, document)
    return FindingsView(report, details, profile, unused)


async def view_revisions(
    work: UnitOfWork, revisions: Sequence[Revision]
) -> list[tuple[Revision, str, list[dict[str, Any]]]]:
    """Each with how many changes it made, and the first of them."""
    views = []
    for each in revisions:
        changes: list[dict[str, Any]] = []
        if each.changes is not None:
            changes = await view_document(work, _first_changes, each.changes)
        views.append((each, change_counts(each.changes) if each.changes else "", changes))
    return views


def _first_changes(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return changes[:CHANGES_SHOWN]
