"""A tiny application that serves one folder's blobs by `download_response`, for real servers.

`/<blob id>` is a download; its name, type, size and digest are what the file at
`/<folder>/<blob id>.json` says. Errors are answered as one line of text; other tests cover
`http.problems.handlers`. The environment's BLOB_ROOT names the store's folder.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from entrepot.blobs import BlobId, DiskStore
from entrepot.errors import BlobMissing, PreconditionFailed, RangeNotSatisfiable, TooManyDownloads
from entrepot.http.downloads.response import Representation, download_response
from entrepot.http.limits.answer_memory import AnswerMemory
from entrepot.http.limits.concurrency_limits import ConcurrencyLimit


class Downloads:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = DiskStore(root, reserve=0)
        # Where responses look for the counters.
        counters = SimpleNamespace(
            downloads=ConcurrencyLimit(100, TooManyDownloads),
            answer_memory=AnswerMemory(1 << 30),
        )
        self.state = SimpleNamespace(runtime=counters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/descriptors":
            await PlainTextResponse(str(self.held()))(scope, receive, send)
            return
        scope["app"] = self
        if "stream" in scope["query_string"].decode():
            scope["extensions"] = {}
        try:
            await self.response(scope)(scope, receive, send)
        except PreconditionFailed:
            await PlainTextResponse("failed", 412)(scope, receive, send)
        except RangeNotSatisfiable as error:
            headers = {"Content-Range": f"bytes */{error.size}"}
            await PlainTextResponse("outside", 416, headers)(scope, receive, send)
        except BlobMissing as error:
            print("missing", error.blob_id, file=sys.stderr, flush=True)
            await PlainTextResponse("missing", 500)(scope, receive, send)

    def held(self) -> int:
        """How many blobs this process has open."""
        blobs = str(self.root / "blobs")
        links = (os.path.realpath(link) for link in Path("/proc/self/fd").iterdir())
        return sum(link.startswith(blobs) for link in links)

    def response(self, scope: Scope) -> Response:
        blob_id = BlobId(UUID(scope["path"].strip("/")))
        described = json.loads((self.root / f"{blob_id}.json").read_text())
        described["modified"] = datetime.fromisoformat(described["modified"])
        representation = Representation(**described)
        headers = Headers(scope=scope)
        return download_response(scope["method"], headers, self.store, blob_id, representation)


if "BLOB_ROOT" in os.environ:
    app = Downloads(Path(os.environ["BLOB_ROOT"]))
