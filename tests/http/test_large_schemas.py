"""Long texts of tenants are parsed outside the event loop and database threads, within bounds."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from tests.http.test_suggestions import forge_suggestion
from tests.http.test_versions import publish
from tests.support.api import CSV, assert_problem
from tests.support.loops import run_apart
from tests.support.server import Server, TestAccount

from entrepot.errors import SchemaInvalid, SchemaTooCostly
from entrepot.files.queries.revisions import list_schema_revisions
from entrepot.http.parsing.parser import Parser
from entrepot.http.uploads.target import NextVersion
from entrepot.schemas.enforcement import MAX_SCHEMA_BYTES, parse_enforcement, parse_schema_text

Serve = Callable[..., Server]


def large_schema(size: int = MAX_SCHEMA_BYTES) -> str:
    """A schema of almost `size` characters that takes long to parse: many fields with rules."""
    fields: list[dict[str, Any]] = []
    length = 20
    for number in range(9_900):
        field = {
            "name": f"c{number}",
            "type": "string",
            "description": "x" * 20,
            "constraints": {"maxLength": 9, "enum": ["a", "b"]},
        }
        length += len(json.dumps(field)) + 2
        if length > size:
            break
        fields.append(field)
    return json.dumps({"fields": fields})


async def lag_while(work: Any) -> float:
    """The longest that other threads of this process kept the event loop from running while `work`
    is awaited: in seconds of this process's processor time, which other processes do not add to."""
    lags = [0.0]
    ended = asyncio.Event()

    async def measure() -> None:
        while not ended.is_set():
            start = time.process_time()
            await asyncio.sleep(0.001)
            lags.append(time.process_time() - start)

    measuring = asyncio.create_task(measure())
    try:
        await work
    finally:
        ended.set()
        await measuring
    return max(lags)


def test_six_large_schemas_leave_the_event_loop_alone() -> None:
    """One schema of 1 MB blocked it for 4 s, six of them for 20 s."""
    text = large_schema()
    start = time.process_time()
    parsed = parse_enforcement(text)
    alone = time.process_time() - start
    parser = Parser(100, 120)

    async def parse_all() -> None:
        accounts = [uuid4() for _ in range(3)]
        jobs = (parser.run(account, len(text), parse_enforcement, text) for account in accounts * 2)
        assert all(each == parsed for each in await asyncio.gather(*jobs))

    try:
        lag = run_apart(lag_while(parse_all()))
    finally:
        parser.close()
    # What remains is to take the answer in, a few percent of parsing; both slow down alike.
    assert lag < max(0.05, alone / 4), (lag, alone)


def test_what_takes_too_long_is_refused_and_others_go_on() -> None:
    parser = Parser(100, 0.2)

    async def both() -> None:
        with pytest.raises(SchemaTooCostly) as caught:
            await parser.run(uuid4(), 10_000, time.sleep, 60)
        assert caught.value.bound == "0.2 seconds"

    async def after() -> None:
        waiting = Parser(100, 60)
        try:
            text = '{"fields": [{"name": "a"}]}'
            document = await waiting.run(uuid4(), 10_000, parse_schema_text, text)
            assert json.loads(document)["fields"][0]["name"] == "a"
            with pytest.raises(SchemaInvalid) as caught:
                await waiting.run(uuid4(), 10_000, parse_schema_text, '{"fields": 1}')
            assert caught.value.pointer == "/fields"
        finally:
            waiting.close()

    try:
        run_apart(both())
        run_apart(after())
    finally:
        parser.close()


def test_large_schemas_beside_other_requests(serve: Serve) -> None:
    """Six at once, by each way in; the server answers others meanwhile."""
    server = serve()
    account = server.new_account()
    text = large_schema()
    file_id = account.api.deliver(b"c0\na\n", limit=10**6)["file_id"]
    ended = threading.Event()
    (process,) = server.processes("api")
    answers: list[float] = []

    def used() -> float:
        """Seconds of CPU of the API's own process: not of the clock, which others' work moves."""
        return sum(process.cpu_times()[:2])

    def look() -> None:
        api = server.api(None)
        while not ended.wait(0.01):  # without a pause it would take the processor from the server
            start = used()
            assert api.client.get("/healthz").status_code == 200
            answers.append(used() - start)

    def send(number: int) -> int:
        if number % 2:
            form = {"enforce_schema": text}
            return account.api.upload(b"c0\na\n", **form).status_code
        path = f"/file/{file_id}/schema?breaking=accept"
        return account.api.request("PUT", path, content=text).status_code

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with ThreadPoolExecutor(6) as senders:
            assert set(senders.map(send, range(6))) == {202}
    finally:
        ended.set()
        looking.join()
    assert len(answers) > 6
    assert median(answers) < 0.1
    assert max(answers) < 1  # parsed in the event loop, the six take 3


def test_a_schema_that_takes_too_long_is_422(serve: Serve) -> None:
    account = serve(schema_seconds=0.05).new_account()
    answer = account.api.upload(CSV, enforce_schema=large_schema())
    assert_problem(answer, 422, "schema-too-costly", bound="0.05 seconds")
    assert account.api.upload(CSV, enforce_schema="true").status_code == 202
    assert account.api.account()["files"] == 1


def test_patterns_of_a_schema_are_bounded_together(account: TestAccount) -> None:
    def with_patterns(count: int, pattern: str) -> str:
        rules = {"pattern": pattern}
        fields = [{"name": f"c{n}", "type": "string", "constraints": rules} for n in range(count)]
        return json.dumps({"fields": fields})

    for text, position in (
        (with_patterns(1_001, "a"), 1_000),
        (with_patterns(11, "a" * 9_900), 10),
        (with_patterns(60, "(?:a|b|c|d|e|f){1,990}"), None),
    ):
        problem = assert_problem(
            account.api.upload(CSV, enforce_schema=text), 422, "schema-invalid"
        )
        assert "1,000 patterns" in problem["detail"]
        if position is not None:
            assert problem["pointer"] == f"/fields/{position}/constraints/pattern"


def test_a_repeated_name_among_many_is_found_quickly() -> None:
    names = ",".join(f'"{number:x}":1' for number in range(90_000))
    start = time.process_time()
    with pytest.raises(SchemaInvalid, match="twice"):
        parse_schema_text(f'{{{names},"0":1}}')
    assert time.process_time() - start < 10


def test_a_json_body_is_bounded(account: TestAccount) -> None:
    file_id = account.api.deliver()["file_id"]
    body = {"file_description": "x" * 300_000}
    answer = account.api.request("PATCH", f"/file/{file_id}", json=body)
    assert_problem(answer, 413, "body-too-large", limit=256 * 1024)


def test_a_suggestion_is_parsed_within_the_deadline_too(serve: Serve) -> None:
    server = serve(schema_seconds=0.05)
    account = server.new_account()
    fields = [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]
    file_id = account.api.deliver(CSV, enforce_schema=json.dumps({"fields": fields}))["file_id"]
    publish(account.api, file_id, b"id,amount\n1,2.5\n", "failed")
    forge_suggestion(server, file_id, {"schema": json.loads(large_schema())})
    answer = account.api.post(f"/file/{file_id}/versions/2/accept-suggestion")
    assert_problem(answer, 422, "schema-too-costly", bound="0.05 seconds")
    assert account.api.json(f"/file/{file_id}/schema")["revision"] == 1


@pytest.mark.both_databases
def test_what_needs_no_schema_loads_none(account: TestAccount) -> None:
    """Neither a delivery nor a list of revisions takes in a document of up to 1 MB."""
    parts, actor = account.server.parts, account.server.actor(account.api_key)
    fields = [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]
    file_id = account.api.deliver(CSV, enforce_schema=json.dumps({"fields": fields}))["file_id"]
    statements: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(parts.database.engine, "before_cursor_execute", note)
    try:
        admission = parts.database.write(NextVersion(file_id).admit, actor)
        revisions = parts.database.read(list_schema_revisions, actor, UUID(file_id))
    finally:
        event.remove(parts.database.engine, "before_cursor_execute", note)
    assert admission.file_id == UUID(file_id)
    assert [each.number for each in revisions] == [1]
    assert any("schema_revisions" in each for each in statements)
    assert not any("schema_revisions.schema" in each for each in statements)
