"""Render a page: the templates, what each of them is given, and the headers of every page."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.routing import Match

from entrepot.accounts.actor import Actor
from entrepot.accounts.sessions import SESSION_IDLE_TIMEOUT, SESSION_MAX_AGE
from entrepot.errors import EntrepotError
from entrepot.files.versions import QUARANTINE_PERIOD, UNDO_PERIOD
from entrepot.http.deps import get_runtime
from entrepot.http.downloads.disposition import attachment
from entrepot.http.problems.table import problem_kind
from entrepot.http.stored_documents import json_response
from entrepot.http.web import formatting
from entrepot.http.web.assets import Assets
from entrepot.http.web.confirmations import confirmation_of, forget_confirmation
from entrepot.http.web.form_labels import CONTRACT_LABELS, FIELD_LABELS, field_label, value_label
from entrepot.http.web.reports import column_of
from entrepot.http.web.single_use import once
from entrepot.texts.json_text import JsonText
from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS, SCOPE_LABELS, scopes_label
from entrepot_client.counts import counted
from entrepot_client.field_sentences import field_sentence

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "entrepot_theme"

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    # With `no-referrer` browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every page. Pages show a tenant's data, so that no cache may keep them."""


@dataclass(frozen=True)
class FieldError:
    """A field of a form that is wrong: its id on the page, and what is wrong, in a sentence."""

    id: str
    sentence: str


_field_errors: ContextVar[list[FieldError]] = ContextVar("field_errors")
"""The fields that are wrong on the page that is being rendered, in their order."""


@dataclass
class Pages:
    """What lives as long as the app and serves all pages.

    `last_uses` remembers when a session's use was last written.
    """

    environment: Environment
    assets: Assets
    last_uses: dict[str, datetime] = field(default_factory=dict)


def open_pages(assets: Assets) -> Pages:
    """Load the templates' environment; everything is escaped, a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("entrepot.http", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for each in (
        formatting.exact_time,
        formatting.machine_time,
        formatting.size,
        formatting.exact_size,
        formatting.number,
        formatting.percent,
        formatting.duration,
        formatting.age,
        formatting.truncate,
        counted,
        column_of,
        marked,
    ):
        environment.filters[each.__name__] = each
    environment.globals |= {
        "asset": assets.address,
        "labels": FIELD_LABELS,
        "contract_labels": CONTRACT_LABELS,
        "field_label": field_label,
        "value_label": value_label,
        "once": once,
        "note_error": note_error,
        "noted_error": noted_error,
        "noted_errors": noted_errors,
        "session_hours": SESSION_MAX_AGE // timedelta(hours=1),
        "idle_minutes": SESSION_IDLE_TIMEOUT // timedelta(minutes=1),
        "undo_days": UNDO_PERIOD.days,
        "quarantine_days": QUARANTINE_PERIOD.days,
        "entitlement_labels": ENTITLEMENT_LABELS,
        "scope_labels": SCOPE_LABELS,
        "scopes_label": scopes_label,
    }
    return Pages(environment, assets)


def note_error(id: str, label: str, reason: str) -> str:
    """Have the page's summary name a field that is wrong. Returns the attribute that puts the focus
    on the first of them, for the field itself."""
    errors = _field_errors.get()
    errors.append(FieldError(id, field_sentence(label.removesuffix(" (optional)"), reason)))
    return Markup(" autofocus") if len(errors) == 1 else ""


def noted_error(id: str) -> str:
    """What was noted of a field: the same sentence stands beside it and in the summary."""
    return next(each.sentence for each in _field_errors.get() if each.id == id)


def noted_errors() -> list[FieldError]:
    """The fields that were noted so far on this page."""
    return _field_errors.get()


def failure_values(failure: EntrepotError | None) -> dict[str, Any]:
    """The status of a page that is shown again after a refusal, and what it says of it."""
    kind = problem_kind(failure) if failure is not None else None
    return {"status": kind.status if kind else 200, "failure": failure, "kind": kind}


def marked(text: str) -> Markup:
    """A sentence with its `backticks` as code; everything in it is escaped."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # an odd one out: not ours to guess
        return escape(text)
    markup = (
        Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(pieces)
    )
    return Markup("").join(markup)


def pages_of(request: Request) -> Pages:
    """The app's pages."""
    pages: Pages = request.app.state.pages
    return pages


def theme_of(request: Request) -> str:
    """The theme that the reader chose; `auto` follows the system."""
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return theme if theme in THEMES else "auto"


def render(request: Request, template: str, **values: Any) -> str:
    """A template's text; it is also given `now`, for ages."""
    now = get_runtime(request).parts.clock()
    _field_errors.set([])
    return pages_of(request).environment.get_template(template).render(now=now, **values)


def page(
    request: Request,
    template: str,
    actor: Actor | None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A whole page for `actor`, or for a visitor who is not signed in."""
    text = render(
        request,
        template,
        actor=actor,
        theme=theme_of(request),
        here=nearest_page(request),
        confirmation=confirmation_of(request),
        failed=status >= 400,
        offers_waiting=request.scope.get("offers", 0),
        **values,
    )
    response = HTMLResponse(text, status, {**HEADERS, **(headers or {})})
    forget_confirmation(request, response)
    return response


def nearest_page(request: Request) -> str:
    """The path of the page that the request is about: its own, or for an address that only takes
    forms the nearest one above it."""
    if request.method == "GET" and "route" in request.scope:
        return request.url.path  # as nearly always, without a look at every route
    path = request.url.path.rstrip("/") or "/"
    while path != "/":
        scope = {**request.scope, "path": path, "method": "GET"}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            return path
        path = path.rpartition("/")[0] or "/"
    return path


def json_attachment(document: JsonText, name: str) -> Response:
    """A document as a file to be saved, never shown as a page."""
    headers = {
        "Content-Disposition": attachment(name),
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }
    return json_response(document, headers)
