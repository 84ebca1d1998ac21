"""Where files are read by tools and browsers alike: downloads of the API, and their addresses."""

from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request

from entrepot.files.paths import FORM_SUFFIXES

API = "/api/v1"
"""What the addresses of the API begin with."""
DOWNLOADS = f"{API}/file/download/"
ADDRESSES = "/d/"
LINKS = "/l/"
HEALTH = ("/healthz", "/readyz")


def is_link(request: Request) -> bool:
    """Whether a link to a file is used, which needs no key and may need a password."""
    return str(request.scope["path"]).startswith(LINKS)


def is_plain(request: Request) -> bool:
    """Whether the path has no escaped slash: proxies disagree on whether one divides."""
    raw_path: bytes = request.scope.get("raw_path") or b""
    return b"%2f" not in raw_path.lower()


def path_without_secret(path: str) -> str:
    """A path as it may be logged: without the secret of a link."""
    if not path.startswith(LINKS):
        return path
    _, slash, rest = path.removeprefix(LINKS).partition("/")
    return f"{LINKS}[secret]{slash}{rest}"


def is_download(request: Request) -> bool:
    """Whether a file is asked for, which any tool may do: its 401 names both ways to send a key."""
    return str(request.scope["path"]).startswith((DOWNLOADS, ADDRESSES))


def is_navigation(request: Request) -> bool:
    """Whether a browser opens the address for a person (Fetch Metadata)."""
    return request.headers.get("sec-fetch-mode") == "navigate"


def page_of_download(request: Request) -> str:
    """The address by which a browser's session reads what a download of the API is asked for."""
    path: str = request.scope["path"]
    file_id, _, name = path.removeprefix(DOWNLOADS).partition("/")
    try:
        base = f"/files/{UUID(file_id)}/download"
    except ValueError:
        return "/files"
    parameters = {key: request.query_params.get(key) for key in ("format", "version")}
    if name.endswith(FORM_SUFFIXES):
        parameters["format"] = name.rpartition(".")[2]
    query = urlencode({key: value for key, value in parameters.items() if value})
    return f"{base}?{query}" if query else base
