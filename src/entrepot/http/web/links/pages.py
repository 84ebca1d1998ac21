"""The pages of a link: a form for a delivery, its verdict, and a download.

They show the file that the link leads to and nothing else of its account, to whoever has the link,
signed in or not.
"""

from fastapi import Request
from fastapi.responses import Response

from entrepot.errors import EntrepotError, FieldInvalid
from entrepot.files.processing.task_report import TaskReport
from entrepot.files.queries.linked import LinkedFileView, get_linked_file, is_followed
from entrepot.files.versions import PublishedVersion
from entrepot.http.deps import UnitOfWork
from entrepot.http.problems.handlers import task_problem
from entrepot.http.stored_documents import view_document, visible_report
from entrepot.http.web.files.contract import schema_view
from entrepot.http.web.rendering import failure_values, page
from entrepot.http.web.reports import report_view
from entrepot.tasks.records import TaskRecord

REFRESH_SECONDS = "2"
"""After which the page of a delivery is loaded again until there is a verdict."""


async def upload_page(
    request: Request,
    work: UnitOfWork,
    secret: str,
    view: LinkedFileView,
    failure: EntrepotError | None = None,
) -> Response:
    """The form for a delivery; with the failure of the one before, if it was refused."""
    schema = await view_document(work, schema_view, view.schema) if view.schema else None
    return page(
        request,
        "links/upload.html",
        None,
        **failure_values(failure),
        secret=secret,
        view=view,
        schema=schema,
        field=failure.field if isinstance(failure, FieldInvalid) else None,
    )


def download_page(
    request: Request, secret: str, view: LinkedFileView, published: PublishedVersion
) -> Response:
    """What the link leads to, with a button that downloads it."""
    return page(request, "links/download.html", None, secret=secret, view=view, version=published)


async def delivery_page(
    request: Request, work: UnitOfWork, secret: str, task: TaskRecord, stored: TaskReport | None
) -> Response:
    """The result of a delivery: the verdict with its report, and a form for a correction."""
    view = await work.read(get_linked_file)
    report = None
    if stored is not None:
        text = await visible_report(work, stored.report, stored.reads)
        report = await view_document(work, report_view, text)
    problem = task_problem(task.error) if task.error else None
    number = task.version if problem is not None else None
    return page(
        request,
        "links/delivery.html",
        None,
        headers={} if task.ended else {"Refresh": REFRESH_SECONDS},
        secret=secret,
        view=view,
        task=task,
        problem=problem,
        followed=number is not None and await work.read(is_followed, number),
        report=report,
    )
