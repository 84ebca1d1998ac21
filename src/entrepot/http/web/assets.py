"""The stylesheet, scripts and icon: few small files, held in memory, cached for a year.

All addresses carry one digest over all of the files, so that a release changes every address
and scripts may import each other by relative paths.
"""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.errors import NotFound

router = APIRouter(include_in_schema=False)

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"
STYLESHEETS = (
    "tokens",
    "base",
    "layout",
    "form",
    "table",
    "figures",
    "profile",
    "preview",
    "reference",
)
"""The parts of the one stylesheet, in the order of the cascade."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent, plain and compressed."""

    media_type: str
    plain: bytes
    packed: bytes


@dataclass(frozen=True)
class Assets:
    """Every file by its name, and the digest that stands in their addresses."""

    by_name: dict[str, Asset]
    digest: str

    def address(self, name: str) -> str:
        """The path of a file; a name that is not there raises KeyError, so tests find it."""
        assert self.by_name[name]
        return f"/static/{self.digest}/{name}"


def load_assets() -> Assets:
    """Read the package's files; the parts of the stylesheet become one."""
    folder = files(__package__) / "static"
    plain = {f"js/{file.name}": file.read_bytes() for file in _sorted(folder / "js")}
    styles = [(folder / "css" / f"{name}.css").read_bytes() for name in STYLESHEETS]
    plain["entrepot.css"] = b"\n".join(styles)
    plain["icon.svg"] = (folder / "icon.svg").read_bytes()
    digest = hashlib.sha256()
    for name in sorted(plain):
        digest.update(name.encode() + b"\0" + plain[name] + b"\0")
    by_name = {name: _asset(name, content) for name, content in plain.items()}
    return Assets(by_name, digest.hexdigest()[:12])


@router.get("/static/{digest}/{name:path}", response_model=None)
async def static(request: Request, digest: str, name: str) -> Response:
    """One file. An address of another release gets today's file, not to be kept."""
    assets: Assets = request.app.state.pages.assets
    asset = assets.by_name.get(name)
    if asset is None:
        raise NotFound
    headers = {
        "Cache-Control": FOREVER if digest == assets.digest else "no-cache",
        "Vary": "Accept-Encoding",
    }
    content = asset.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = asset.packed
    return Response(content, media_type=asset.media_type, headers=headers)


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _asset(name: str, content: bytes) -> Asset:
    media_type = MEDIA_TYPES[name[name.rindex(".") :]]
    return Asset(f"{media_type}; charset=utf-8", content, gzip.compress(content, 9, mtime=0))
