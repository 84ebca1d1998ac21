"""The path of an upload from its route to the row that names its bytes: short, in one direction.

The real application runs in this process, on a database of its own. At each insert of such a row,
the functions that run are read from the stack of the database thread, and from the coroutines of
the request that waits for it.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FrameType, FunctionType, MethodType
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import Request
from sqlalchemy import event, func, select
from starlette.types import Message
from tests.support.loops import run_apart
from tests.support.tus import HEADERS, STREAM, metadata
from tests.support.wait import PATIENCE

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import SCOPES
from entrepot.accounts.keys import create_key
from entrepot.accounts.sessions import open_session
from entrepot.accounts.users import create_user, find_user
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.data_folder import make_data_folder
from entrepot.cli.start import prepare_installation
from entrepot.db.tables import accounts, files, reservations
from entrepot.http.app import create_app
from entrepot.http.deps import UnitOfWork
from entrepot.http.parsing.parser import SHORT_CHARS, Parser
from entrepot.http.runtime import Runtime
from entrepot.http.uploads import small
from entrepot.http.uploads.small import EarlyBody
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.settings import read_settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "life-of-an-upload.md"
MAX_FUNCTIONS = 9
CONTENT = b"a,b\n1,2\n"
HALF = len(CONTENT) // 2
USER = "acme:ann"
URL = "http://127.0.0.1"
ROWS_THAT_NAME_BYTES = ("INSERT INTO versions", "INSERT INTO checks")
RUNS_STATEMENTS = "entrepot.db.inserts"
"""Its function is the insert itself, as `Connection.execute` is."""
ROUTES = ("entrepot.http.api.", "entrepot.http.web.")
DEFINES = ["NewFile.commit", "define_file", "add_version"]
DELIVERS = ["NextVersion.commit", "deliver_version", "add_version"]
VALIDATES = ["ValidationOnly.commit", "submit_validation"]

Function = tuple[str, str]
"""A module's name and a function's qualified name."""
Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]
"""Sends one request."""


class Tracer:
    """Sends requests to the application; notes how rows come about, and what threads can reach."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.path: list[Function] = []
        self.of_the_loop: set[str] = set()
        self._request: asyncio.Task[httpx2.Response] | None = None
        user, now = parts.database.read(find_user, USER), datetime.now(UTC)
        self.key = parts.database.write(create_key, parts.secret, user, "k", SCOPES, now).api_key
        self.user = user

    def send(self, ask: Ask, headers: dict[str, str] | None = None) -> httpx2.Response:
        """The answer to one request."""
        self.path = []
        return run_apart(self._send(ask, headers or {"Authorization": f"Bearer {self.key}"}))

    async def _send(self, ask: Ask, headers: dict[str, str]) -> httpx2.Response:
        app, asgi = create_app(self.parts, ProcessMetrics())
        runtime: Runtime = app.state.runtime
        transport = httpx2.ASGITransport(app=asgi)
        try:
            async with httpx2.AsyncClient(
                transport=transport, base_url=URL, headers=headers
            ) as client:
                self._request = asyncio.ensure_future(ask(client))
                return await self._request
        finally:
            await asyncio.gather(*runtime.background)
            runtime.read_cache.close()
            runtime.database_threads.shutdown()
            runtime.byte_threads.shutdown()

    def note(self, _conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        """Called by SQLAlchemy in the thread of a statement, right before it."""
        if self._request is None or self._request.done():
            return
        frames = frames_from(sys._getframe(1))
        for frame in frames:
            self.of_the_loop |= objects_of_the_loop(frame.f_locals)
        if statement.startswith(ROWS_THAT_NAME_BYTES):
            self.path = awaited_by(self._request.get_coro())
            functions = [function_of(frame, frame.f_code) for frame in frames]
            self.path += [each for each in functions if each[0] != RUNS_STATEMENTS]


def function_of(frame: FrameType, code: Any) -> Function:
    return frame.f_globals["__name__"], code.co_qualname


def frames_from(frame: FrameType | None) -> list[FrameType]:
    """The frames of the product's functions in this thread, the outermost first."""
    result = []
    while frame is not None:
        if frame.f_globals["__name__"].startswith("entrepot."):
            result.append(frame)
        frame = frame.f_back
    return result[::-1]


def awaited_by(coroutine: Any) -> list[Function]:
    """The product's coroutines that wait for one another, from the route's own on."""
    result: list[Function] = []
    while hasattr(coroutine, "cr_code"):
        function = function_of(coroutine.cr_frame, coroutine.cr_code)
        if function[0].startswith(ROUTES if not result else "entrepot."):
            result.append(function)
        coroutine = coroutine.cr_await
    return result


def objects_of_the_loop(value: Any) -> set[str]:
    """What belongs to the event loop of all that `value` leads to through the product's objects."""
    result, seen, left = set(), set(), [value]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        module = type(each).__module__
        if module.startswith(("asyncio", "_asyncio")) or isinstance(
            each, Request | Runtime | UnitOfWork
        ):
            result.add(f"{module}.{type(each).__qualname__}")
        elif isinstance(each, dict):
            left += each.values()
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif isinstance(each, partial):
            left += [each.func, each.args, each.keywords]
        elif isinstance(each, MethodType):
            left.append(each.__self__)
        elif isinstance(each, FunctionType):
            left += [cell.cell_contents for cell in each.__closure__ or ()]
        elif module.startswith("entrepot."):
            left.append(getattr(each, "__dict__", {}))
    return result


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """An installation's parts; it has one user."""
    settings = read_settings(data=tmp_path_factory.mktemp("path") / "data")
    make_data_folder(settings.data)
    prepare_installation(settings)
    made, now = build_parts(settings), datetime.now(UTC)
    made.database.write(create_account, "acme", 1_000_000_000, now)
    made.database.write(create_user, USER, "admin", now)
    yield made
    made.close()


@pytest.fixture
def tracer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracer]:
    """Listens to the database as long as the test runs. A body is waited for however long this
    process stands still."""
    monkeypatch.setattr(small, "ARRIVAL_SECONDS", PATIENCE)
    made = Tracer(parts)
    event.listen(parts.database.engine, "before_cursor_execute", made.note)
    yield made
    event.remove(parts.database.engine, "before_cursor_execute", made.note)


@pytest.fixture
def file_id(parts: Parts, tracer: Tracer) -> UUID:
    """A file that has a version."""
    assert tracer.send(form("/api/v1/file/new", file_size_limit="1000")).status_code == 202
    with parts.database.reading() as conn:
        return conn.scalars(select(files.c.id)).first()  # type: ignore[return-value]


def form(path: str, **fields: str) -> Ask:
    """A form with a file."""
    return lambda client: client.post(path, data=fields, files={"file": ("a.csv", CONTENT)})


def in_chunks(path: str, **fields: str) -> Ask:
    """The same without a Content-Length."""
    boundary = "0123456789"
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append(f'name="file"; filename="a.csv"\r\n\r\n{CONTENT.decode()}')
    body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)

    async def chunks() -> AsyncIterator[bytes]:
        yield body.encode()
        yield f"--{boundary}--\r\n".encode()

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return lambda client: client.post(path, headers=headers, content=chunks())


def tus(method: str, path: str, content: bytes | None = None, **headers: str) -> Ask:
    """A request of the protocol; `headers` are those of its own that begin with `Upload-`."""
    fields = {f"Upload-{name}": value for name, value in headers.items()}
    kind = HEADERS if content is None else STREAM
    return lambda client: client.request(method, path, headers=kind | fields, content=content)


def begin(content: bytes | None = None, **headers: str) -> Ask:
    """Begin a resumable upload of `CONTENT` as a new file, or as what the headers say."""
    about = metadata(filename="a.csv", file_size_limit="1000")
    fields = {"Length": str(len(CONTENT)), "Metadata": about} | headers
    return tus("POST", "/api/v1/uploads", content, **fields)


def check_path(tracer: Tracer, answer: httpx2.Response, status: int, *last: str) -> None:
    """The path is short, ends so and comes back to no module; threads reach nothing of the loop."""
    assert answer.status_code == status, answer.text
    text = "\n".join(f"{module}:{name}" for module, name in tracer.path)
    assert tuple(name for _, name in tracer.path)[-len(last) :] == last, text
    assert len(tracer.path) <= MAX_FUNCTIONS, text
    modules = [module for module, _ in groupby(module for module, _ in tracer.path)]
    assert len(modules) == len(set(modules)), text
    assert tracer.of_the_loop == set()


def path_on_the_page(column: int) -> list[Function]:
    """The functions that the page shows from the route to the row; column 0 is that of a form."""
    table = PAGE.read_text().partition("| of a form | of a resumable upload |")[2]
    rows = [line for line in table.partition("\n\n")[0].splitlines() if "`" in line]
    cited = [re.findall(r"`([\w/]+)\.py:([\w.]+)`", row)[column] for row in rows]
    return [(f"entrepot.{module.replace('/', '.')}", name) for module, name in cited]


def test_the_path_of_a_form_that_defines_a_file(tracer: Tracer) -> None:
    answer = tracer.send(form("/api/v1/file/new", file_size_limit="1000"))
    check_path(tracer, answer, 202, "commit_upload", *DEFINES)
    assert tracer.path == path_on_the_page(0)


def test_a_small_form_that_has_arrived_needs_no_reservation(tracer: Tracer, parts: Parts) -> None:
    reserved: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        reserved.extend([statement] if statement.startswith("INSERT INTO reservations") else [])

    late = in_chunks("/api/v1/file/new", file_size_limit="1000")
    event.listen(parts.database.engine, "before_cursor_execute", note)
    try:
        for ask, expected in ((form("/api/v1/file/new", file_size_limit="1000"), 0), (late, 1)):
            assert tracer.send(ask).status_code == 202
            assert len(reserved) == expected
    finally:
        event.remove(parts.database.engine, "before_cursor_execute", note)


def test_a_body_that_comes_late_is_received_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(request: Request) -> tuple[bytes | None, bytes]:
        body = EarlyBody(request)
        arrived = await body.arrived()
        return arrived, b"".join([chunk async for chunk in body.request.stream()])

    for seconds, expected in ((PATIENCE, b"abc"), (0.0, None)):
        monkeypatch.setattr(small, "ARRIVAL_SECONDS", seconds)
        pieces = iter(b"abc")

        async def receive() -> Message:
            piece = next(pieces)  # noqa: B023 - called within the round
            await asyncio.sleep(0 if piece == ord("a") else 0.01)
            return {"type": "http.request", "body": bytes([piece]), "more_body": piece != ord("c")}

        scope = {"type": "http", "headers": [(b"content-length", b"3")]}
        arrived, whole = run_apart(slowly(Request(scope, receive)))
        assert (arrived, whole) == (expected, b"abc")


def test_what_is_parsed_takes_the_turn_of_its_account(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before anything of the database is asked, as for a small form and a resumable upload:
    else all of them would wait for one another, whosever they are."""
    turns: list[UUID | None] = []

    async def run(
        _parser: Parser, account_id: UUID | None, _size: int, work: Any, *args: Any
    ) -> Any:
        turns.append(account_id)
        return work(*args)

    monkeypatch.setattr(Parser, "run", run)
    fields = {"file_size_limit": "1000", "table_dialect": '{"delimiter": ","}'}
    columns = [{"name": f"column{number}", "type": "string"} for number in range(SHORT_CHARS // 40)]
    fields["enforce_schema"] = json.dumps({"fields": columns})
    assert len(fields["enforce_schema"]) > SHORT_CHARS
    about = metadata(filename="a.csv", **fields)
    forms = form("/api/v1/file/new", **fields), form("/api/v1/file/validate", **fields)
    for ask in (*forms, in_chunks("/api/v1/file/new", **fields), begin(Metadata=about)):
        answer = tracer.send(ask)
        assert answer.status_code in (201, 202)
        assert set(turns) == {tracer.user.account_id}
        turns.clear()
    assert tracer.send(tus("DELETE", answer.headers["location"])).status_code == 204


def test_the_path_of_a_form_with_the_next_version(tracer: Tracer, file_id: UUID) -> None:
    answer = tracer.send(form(f"/api/v1/file/{file_id}/versions"))
    check_path(tracer, answer, 202, "commit_upload", *DELIVERS)


def test_the_path_of_a_form_that_is_only_validated(tracer: Tracer) -> None:
    answer = tracer.send(form("/api/v1/file/validate"))
    check_path(tracer, answer, 202, "commit_upload", *VALIDATES)


def test_few_bytes_are_reserved_as_their_upload_begins(tracer: Tracer, parts: Parts) -> None:
    grown: list[str] = []
    used = select(accounts.c.used)
    with parts.database.reading() as conn:
        before = conn.scalars(used).one()

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE reservations"):
            grown.append(statement)

    event.listen(parts.database.engine, "before_cursor_execute", note)
    try:
        answer = tracer.send(form("/api/v1/file/new", file_size_limit="1000"))
        assert (answer.status_code, grown) == (202, [])
        # Without a length it is not known how many there will be.
        answer = tracer.send(in_chunks("/api/v1/file/new", file_size_limit="1000"))
        assert (answer.status_code, len(grown)) == (202, 1)
    finally:
        event.remove(parts.database.engine, "before_cursor_execute", note)
    with parts.database.reading() as conn:
        assert conn.scalar(used) == before + 2 * len(CONTENT)
        assert conn.scalar(select(accounts.c.reserved)) == 0
        assert conn.scalar(select(func.count()).select_from(reservations)) == 0


def test_the_path_of_a_page_with_a_form(tracer: Tracer, parts: Parts, file_id: UUID) -> None:
    now = datetime.now(UTC)
    token = parts.database.write(open_session, parts.secret, tracer.user, None, now, "link")
    browser = {"Cookie": f"entrepot={token}", "Sec-Fetch-Site": "same-origin"}
    answer = tracer.send(form("/upload", file_size_limit="1000"), browser)
    check_path(tracer, answer, 303, "commit_upload", *DEFINES)
    answer = tracer.send(form("/upload", file_size_limit="1000", only_check="yes"), browser)
    check_path(tracer, answer, 303, "commit_upload", *VALIDATES)
    answer = tracer.send(form(f"/files/{file_id}/deliver"), browser)
    check_path(tracer, answer, 303, "commit_upload", *DELIVERS)


def test_the_path_of_a_resumable_upload(tracer: Tracer) -> None:
    address = tracer.send(begin()).headers["location"]
    assert tracer.send(tus("PATCH", address, CONTENT[:HALF], Offset="0")).status_code == 204
    assert tracer.path == []
    answer = tracer.send(tus("PATCH", address, CONTENT[HALF:], Offset=str(HALF)))
    check_path(tracer, answer, 204, "deliver_upload", *DEFINES)
    assert tracer.path == path_on_the_page(1)


def test_the_path_of_a_resumable_upload_in_one_request(tracer: Tracer, file_id: UUID) -> None:
    check_path(tracer, tracer.send(begin(CONTENT)), 201, "deliver_upload", *DEFINES)
    about = metadata(filename="a.csv", file_id=str(file_id))
    answer = tracer.send(begin(CONTENT, Metadata=about))
    check_path(tracer, answer, 201, "deliver_upload", *DELIVERS)


def test_the_path_of_a_resumable_upload_that_is_asked_after(tracer: Tracer) -> None:
    address = tracer.send(begin()).headers["location"]
    writer = tracer.parts.store.drafts.append(UUID(address.rpartition("/")[2]))
    writer.write(CONTENT)
    writer.sync()
    writer.close()
    check_path(tracer, tracer.send(tus("HEAD", address)), 200, "deliver_upload", *DEFINES)


def test_the_path_of_an_upload_in_parts(tracer: Tracer) -> None:
    addresses = []
    for _ in range(2):
        answer = tracer.send(begin(CONTENT, Concat="partial"))
        assert (answer.status_code, tracer.path) == (201, [])
        addresses.append(answer.headers["location"])
    about = metadata(filename="a.csv", file_size_limit="1000")
    final = f"final;{' '.join(addresses)}"
    answer = tracer.send(tus("POST", "/api/v1/uploads", Concat=final, Metadata=about))
    check_path(tracer, answer, 201, "join_uploads", *DEFINES)
