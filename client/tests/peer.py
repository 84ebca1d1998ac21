"""A small HTTP server that implements Entrepot's API, for the client's own tests.

It is a peer, not a mock: the client talks to it over a socket. It does not verify the server; the
server's own suite runs against the real one. A test sets its misbehaviour: `faults` are answered
before anything else, once each; `cuts` break a download off after that number of bytes; `streams`
is what an event stream sends before it closes.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

API_KEY = "epk_" + "k" * 49
LARGE_BODY_BYTES = 8 << 20
TIMESTAMP = "2023-11-25T13:25:00+0000"


@dataclass
class Fault:
    """An answer of a server or proxy in trouble; status 0 drops the connection."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class StoredFile:
    file_id: str
    name: str
    content: bytes
    description: str = ""
    size_limit: int = 1_000_000
    version: int = 1

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def etag(self) -> str:
        return f'"{self.sha256[:16]}"'

    def document(self) -> dict[str, Any]:
        return {
            "created_at": TIMESTAMP,
            "entitlement": "rw",
            "file_description": self.description,
            "file_id": self.file_id,
            "file_name": self.name,
            "user_name": "demo:account",
            "version": self.version,
            "file_size": len(self.content),
            "file_size_limit": self.size_limit,
            "sha256": self.sha256,
        }


@dataclass
class RecordedRequest:
    method: str
    path: str
    headers: Message
    body: bytes = b""


def task_document(task_id: str, status: str, **members: Any) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "kind": "file.new",
        "status": status,
        "progress": {"stage": "inspecting", "done": 1, "total": 2, "unit": "bytes"},
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP if status in ("succeeded", "failed", "canceled") else None,
        "user_name": "demo:account",
        "file_id": "53c9c295-83f4-4754-a781-cd03841c806f",
        "file_name": "orders.csv",
        "version": 1,
        "error": None,
        "report_url": None,
        **members,
    }


@dataclass
class CommandResult:
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Program = Callable[..., CommandResult]


class Peer:
    """The server's state, which a test sets and reads."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.keys: list[dict[str, Any]] = []
        self.requests: list[RecordedRequest] = []
        self.faults: dict[str, list[Fault]] = {}
        self.cuts: list[int] = []
        self.streams: list[list[tuple[int, dict[str, Any]]]] = []
        self.forms: list[dict[str, tuple[Message, bytes]]] = []
        self.upload_problem: dict[str, Any] | None = None
        self.page_size = 1000
        self.headers: dict[str, str] = {}
        self.without_events = False
        self.hold = threading.Event()
        self.endpoint = ""

    def add_file(self, name: str, content: bytes) -> StoredFile:
        file = StoredFile(str(uuid.uuid4()), name, content)
        self.files[file.file_id] = file
        return file

    def requests_for(self, path: str) -> list[RecordedRequest]:
        return [request for request in self.requests if request.path.partition("?")[0] == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer: Peer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self._body(length)
        if len(body) < length <= LARGE_BODY_BYTES:
            self.close_connection = True  # cut off: a server would take nothing of it
            return
        self.peer.requests.append(RecordedRequest(self.command, self.path, self.headers, body))
        if faults := self.peer.faults.get(url.path):
            self._fail(faults.pop(0))
        elif self.headers.get("Authorization") != f"Bearer {API_KEY}":
            self._problem(401, "not-authenticated", "The key is not valid.")
        else:
            self._route(self.command, url.path, url.query, body)

    def _body(self, length: int) -> bytes:
        """The body; of a large one only its length is of interest, and memory is measured."""
        if length <= LARGE_BODY_BYTES:
            return self.rfile.read(length)
        while length > 0:
            length -= len(self.rfile.read(min(length, 1 << 16)))
        return b""

    def _fail(self, fault: Fault) -> None:
        if fault.status == 0:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(fault.status, fault.body, fault.headers)

    def _route(self, method: str, path: str, query: str, body: bytes) -> None:
        parts = path.removeprefix("/api/v1/").split("/")
        match (method, *parts):
            case ("GET", "files"):
                self._list("files_list", [f.document() for f in self.peer.files.values()], query)
            case ("GET", "users"):
                users = [{"user_name": "demo:account", "role": "admin", "created_at": TIMESTAMP}]
                self._list("users_list", users, query)
            case ("GET", "tasks"):
                self._list("tasks_list", list(self.peer.tasks.values()), query)
            case ("GET", "keys"):
                self._list("keys_list", self.peer.keys, query)
            case ("GET", "whoami"):
                self._json(200, {"user_name": "demo:account", "scopes": ["read", "write"]})
            case ("GET", "account"):
                figures = {"quota": 1000, "used": 300, "reserved": 100, "files": 2}
                made_of = {"used_by": {"current": 200, "earlier": 100, "deleted": 0}}
                self._json(200, figures | made_of)
            case ("POST", "key", "new"):
                self._json(201, {"key_id": "k-1", "api_key": "epk_new", **json.loads(body)})
            case ("DELETE", "key", _):
                self._answer(204, b"", {})
            case ("GET" | "HEAD", "file", "download", file_id) if file_id in self.peer.files:
                self._download(self.peer.files[file_id], method)
            case ("POST", "file", "new"):
                self._upload(body)
            case ("GET", "file", file_id) if file_id in self.peer.files:
                self._json(200, self.peer.files[file_id].document())
            case ("GET", "task", task_id) if task_id in self.peer.tasks:
                self._json(200, self.peer.tasks[task_id])
            case ("GET", "task", task_id, "report") if task_id in self.peer.reports:
                self._json(200, self.peer.reports[task_id])
            case ("GET", "task", task_id, "events") if task_id in self.peer.tasks:
                self._events()
            case ("POST", "task", task_id, "cancel") if task_id in self.peer.tasks:
                self.peer.tasks[task_id] = task_document(task_id, "canceled")
                self._json(202, self.peer.tasks[task_id])
            case _:
                self._problem(404, "not-found", "Not found, or you do not have access.")

    def _list(self, envelope: str, items: list[Any], query: str) -> None:
        start = int((re.findall(r"cursor=(\d+)", query) or ["0"])[0])
        end = start + self.peer.page_size
        headers = {}
        if end < len(items):
            # Absolute and on a host that does not exist: what a server behind a proxy may name.
            target = f"http://inside.invalid{urlsplit(self.path).path}?cursor={end}"
            headers["Link"] = f'<{target}>; rel="next"'
        self._json(200, {envelope: items[start:end]}, headers)

    def _download(self, file: StoredFile, method: str) -> None:
        content, status = file.content, 200
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {
            "ETag": file.etag,
            "Repr-Digest": f"sha-256=:{digest}:",
            "Content-Type": "text/csv",
            "Content-Disposition": f'attachment; filename="{file.name}"',
            **self.peer.headers,
        }
        range_match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if range_match and self.headers.get("If-Range") == file.etag:
            start = int(range_match[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        if method == "HEAD":
            self._answer(200, b"", headers | {"Content-Length": str(len(file.content))})
            return
        if self.peer.cuts:
            cut = self.peer.cuts.pop(0)
            self._head(status, headers | {"Content-Length": str(len(content))})
            self.wfile.write(content[:cut])
            self.wfile.flush()
            self.peer.hold.wait(0 if not self.peer.headers.get("X-Hold") else 120)
            self.close_connection = True
            return
        self._answer(status, content, headers)

    def _upload(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = {}
        if not body.endswith(b"--\r\n"):
            self._problem(422, "form-malformed", "The body was cut off.")
            return
        for part in BytesParser().parsebytes(head + body).get_payload():
            name = part.get_param("name", header="content-disposition")
            form[str(name)] = (part, part.get_payload(decode=True))
        self.peer.forms.append(form)
        if self.peer.upload_problem is not None:
            document = self.peer.upload_problem
            media = {"Content-Type": "application/problem+json"}
            self._answer(document["status"], json.dumps(document).encode(), media)
            return
        part, content = form["file"]
        file = self.peer.add_file(part.get_filename() or "", content)
        task_id = next(iter(self.peer.tasks), None) or str(uuid.uuid4())
        self.peer.tasks.setdefault(
            task_id, task_document(task_id, "succeeded", file_id=file.file_id)
        )
        self._json(202, {"task_id": task_id}, {"Location": f"/api/v1/task/{task_id}"})

    def _events(self) -> None:
        if self.peer.without_events:
            self._json(200, {"hello": "a proxy that buffers"})
            return
        self._head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        self.close_connection = True
        self.wfile.write(b"retry: 10\n\n: heartbeat\n\n")
        for number, document in self.peer.streams.pop(0) if self.peer.streams else []:
            event = f"id: {number}\nevent: task\ndata: {json.dumps(document)}\n\n"
            self.wfile.write(event.encode())

    def _json(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        media = {"Content-Type": "application/json"}
        self._answer(status, json.dumps(document).encode(), media | (headers or {}))

    def _problem(self, status: int, code: str, detail: str) -> None:
        document = {"type": f"/problems/{code}", "status": status, "detail": detail, "code": code}
        media = {"Content-Type": "application/problem+json"}
        self._answer(status, json.dumps(document).encode(), media)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, {"Content-Length": str(len(body))} | headers)
        if self.command != "HEAD":
            self.wfile.write(body)


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that leave in the middle are what these tests are about."""


@contextlib.contextmanager
def running_peer() -> Any:
    """A peer that listens on a free port of the loopback for the length of the block."""
    peer = Peer()
    handler = type("BoundHandler", (Handler,), {"peer": peer})
    with QuietServer(("127.0.0.1", 0), handler) as server:
        peer.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            peer.hold.set()
            server.shutdown()
            thread.join()
