"""Mount the pages on the app: their routes, what they share, and failures as pages."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from entrepot.errors import FieldInvalid
from entrepot.http.web import assets
from entrepot.http.web.account import route as account
from entrepot.http.web.activity import route as activity
from entrepot.http.web.changes import route as changes
from entrepot.http.web.endpoint import route as endpoint
from entrepot.http.web.error_pages import show_errors_as_pages
from entrepot.http.web.files import route as files
from entrepot.http.web.form import read_form
from entrepot.http.web.keys import route as keys
from entrepot.http.web.links import route as links
from entrepot.http.web.offers import route as offers
from entrepot.http.web.page_router import page_router
from entrepot.http.web.password import route as password
from entrepot.http.web.preview import route as preview
from entrepot.http.web.problems import route as problems
from entrepot.http.web.reference import route as reference
from entrepot.http.web.rendering import THEME_COOKIE, THEMES, open_pages
from entrepot.http.web.schema import route as schema
from entrepot.http.web.session_work import is_secure, redirect
from entrepot.http.web.sign_in import route as sign_in
from entrepot.http.web.tasks import route as tasks
from entrepot.http.web.upload import route as upload
from entrepot.http.web.versions import route as versions
from entrepot.http.web.withdrawal import route as withdrawal

YEAR = 31_536_000
"""Seconds that a browser remembers the theme."""

router = page_router()


def mount_pages(app: FastAPI) -> None:
    """Add every page to the app. Call it once the API's handlers of errors are installed."""
    app.state.pages = open_pages(assets.load_assets())
    of_files = files, changes, schema, preview, versions, withdrawal, offers, links, upload, tasks
    of_account = account, keys, endpoint
    for each in (sign_in, password, *of_files, activity, *of_account, reference, problems):
        app.router.routes += each.router.routes
    app.router.routes += [*router.routes, *assets.router.routes]
    show_errors_as_pages(app)


@router.get("/", response_model=None)
async def home() -> Response:
    """Begin with the files."""
    return redirect("/files")


@router.post("/theme", response_model=None)
async def choose_theme(request: Request) -> Response:
    """Remember whether the reader wants it light, dark, or as the system has it.

    The browser stays on its page, with what was typed there.
    """
    form = await read_form(request)
    theme = form.text("theme")
    if theme not in THEMES:
        raise FieldInvalid(field="theme", reason=f"must be one of {', '.join(THEMES)}.")
    remembered = Response(status_code=204)
    remembered.set_cookie(
        THEME_COOKIE,
        theme,
        max_age=YEAR,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return remembered
