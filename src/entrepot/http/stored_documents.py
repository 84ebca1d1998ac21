"""Answer with documents as they are stored, and show of them what a page needs.

None is parsed on the event loop if it is long: an answer contains its text, and what a page or a
deliverer gets is made of it in a parsing process, which returns only that.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.responses import Response

from entrepot.files.queries.read import Findings, deliverer_report, profile_members
from entrepot.http.deps import UnitOfWork
from entrepot.texts.json_text import JsonText, render_json, to_json_text

R = TypeVar("R")

SHORT_DOCUMENT_CHARS = 32_000
"""Parsed where it is: measured, in less than 2 ms. A process takes 1 ms for a call."""


async def view_document(work: UnitOfWork, function: Callable[[Any], R], text: JsonText) -> R:
    """What `function`, a module's own one, makes of the document's value. Raises SchemaTooCostly,
    TooManySchemas."""
    if len(text) <= SHORT_DOCUMENT_CHARS:
        return function(json.loads(text))
    parser = work.runtime.parser
    return await parser.run(work.account_id, len(text), _view, function, text)


async def visible_report(work: UnitOfWork, report: JsonText, reads: bool) -> JsonText:
    """A report as who may read the file sees it, or who may only deliver to it."""
    return report if reads else await view_document(work, _deliverer_text, report)


def json_response(document: Any, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, in which each `JsonText` is the document that it is."""
    body = render_json(document).encode()
    return Response(body, headers=headers, media_type="application/json")


async def profile_document(work: UnitOfWork, findings: Findings) -> JsonText:
    """The profile as far as it is known: the file's and the table's part immediately, the columns
    once they are measured. Raises SchemaTooCostly, TooManySchemas."""
    stored = await view_document(work, _without_columns, findings.profile)
    members = render_json(profile_members(findings))
    return JsonText(members[:-1] + ("," if stored != "{}" else "") + stored.removeprefix("{"))


def _view(function: Callable[[Any], R], text: JsonText) -> R:
    return function(json.loads(text))


def _without_columns(profile: dict[str, Any]) -> JsonText:
    """What was found of the columns before they were measured goes."""
    return to_json_text({name: value for name, value in profile.items() if name != "columns"})


def _deliverer_text(report: dict[str, Any]) -> JsonText:
    return to_json_text(deliverer_report(report))
