"""The pages that problem documents point to with their `type`."""

import json

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from entrepot.errors import NotFound
from entrepot.http.problems.examples import problem_example
from entrepot.http.problems.meanings import MEANINGS
from entrepot.http.problems.table import all_kinds
from entrepot.http.problems.task_table import TASK_KINDS
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import Visitor

router = page_router()

RENAMED = {"version-not-refused": "version-not-rejected"}
"""Codes of earlier releases, which documents that were kept still point to."""


@router.get("/problems", response_model=None)
async def problems(request: Request, actor: Visitor) -> Response:
    """Every problem there is, by status."""
    kinds = sorted(all_kinds().values(), key=lambda kind: (kind.status, kind.code))
    return page(request, "problems/list.html", actor, kinds=kinds)


@router.get("/problems/{code}", response_model=None)
async def problem(request: Request, code: str, actor: Visitor) -> Response:
    """What happened, an example of the answer, and what to do. Raises NotFound."""
    if code in RENAMED:
        return RedirectResponse(f"/problems/{RENAMED[code]}", 308)
    kind = all_kinds().get(code)
    if kind is None:
        raise NotFound
    of_task = code in TASK_KINDS
    example = json.dumps(problem_example(code), indent=2, ensure_ascii=False)
    return page(
        request,
        "problems/page.html",
        actor,
        kind=kind,
        meaning=MEANINGS[code],
        of_task=of_task,
        example=example,
    )
