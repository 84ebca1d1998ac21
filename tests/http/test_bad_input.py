"""Bad input gets a clear problem with an exact code, and leaves nothing behind."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.api import CSV, assert_problem
from tests.support.raw import (
    BOUNDARY,
    CLOSING,
    MULTIPART,
    chunked,
    connect,
    file_part_head,
    form,
    head,
    text_part,
)
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

LIMIT = text_part("file_size_limit", "100000")
FILE = file_part_head() + CSV + b"\r\n"
WHOLE = LIMIT + FILE + CLOSING


def stored_files(server: Server) -> set[Path]:
    return {
        Path(place, name) for place, _, names in os.walk(server.settings.blobs) for name in names
    }


@pytest.fixture
def clean(account: TestAccount, server: Server) -> Iterator[TestAccount]:
    """An account of which, after the test, nothing may be there: no row, byte or reservation."""
    server.wait_derived()  # of what other tests delivered here
    before = stored_files(server)
    yield account
    wait_until(lambda: not any_counted(account), lambda: f"nothing is: {account.api.account()}")
    assert account.api.json("/files") == {"files_list": []}
    assert account.api.json("/tasks") == {"tasks_list": []}
    wait_until(
        lambda: not stored_files(server) - before,
        lambda: f"bytes go: {stored_files(server) - before}",
    )


def any_counted(account: TestAccount) -> bool:
    result = account.api.account()
    return any(result[name] for name in ("files", "versions", "used", "reserved"))


def post(account: TestAccount, body: bytes, content_type: str | None = MULTIPART) -> Any:
    headers = {"Content-Type": content_type} if content_type is not None else {}
    return account.api.post("/file/new", content=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        pytest.param(LIMIT + CLOSING, "field-invalid", "file", id="no file"),
        pytest.param(LIMIT + FILE + FILE + CLOSING, "field-invalid", "file", id="two files"),
        pytest.param(FILE + FILE + LIMIT + CLOSING, "field-invalid", "file", id="two files first"),
        pytest.param(form(b"", file_size_limit="9"), "field-invalid", "file", id="empty file"),
        pytest.param(
            LIMIT + text_part("file", "a,b") + CLOSING, "field-invalid", "file", id="a text as file"
        ),
        pytest.param(FILE + CLOSING, "field-invalid", "file_size_limit", id="no limit"),
        pytest.param(LIMIT + LIMIT + FILE + CLOSING, "field-invalid", "file_size_limit", id="two"),
        pytest.param(
            LIMIT + text_part("colour", "red") + FILE + CLOSING,
            "field-invalid",
            "colour",
            id="an unknown field",
        ),
        pytest.param(
            LIMIT + FILE + file_part_head(name="second") + CSV + b"\r\n" + CLOSING,
            "field-invalid",
            "second",
            id="a file in another field",
        ),
        pytest.param(
            LIMIT + text_part("file_description", "x" * 10_001) + FILE + CLOSING,
            "field-invalid",
            "file_description",
            id="a long description",
        ),
        pytest.param(
            LIMIT + text_part("file_description", "x" * 5_000_000) + FILE + CLOSING,
            "field-invalid",
            "file_description",
            id="a huge description",
        ),
        pytest.param(
            LIMIT + text_part("file_description", "a\0b") + FILE + CLOSING,
            "field-invalid",
            "file_description",
            id="NUL in the description",
        ),
        pytest.param(
            LIMIT + text_part("file_description", "a#b").replace(b"#", b"\xff") + FILE + CLOSING,
            "field-invalid",
            "file_description",
            id="a description that is not UTF-8",
        ),
        pytest.param(b"", "form-malformed", None, id="no body"),
        pytest.param(CLOSING, "field-invalid", "file", id="no part"),
        pytest.param(WHOLE[:-4], "form-malformed", None, id="no end"),
        pytest.param(LIMIT + FILE, "form-malformed", None, id="no closing boundary"),
        pytest.param(WHOLE[:-40], "form-malformed", None, id="cut off in the file"),
        pytest.param(WHOLE[:60], "form-malformed", None, id="cut off in a head"),
        pytest.param(
            WHOLE.replace(BOUNDARY.encode(), b"other"), "form-malformed", None, id="wrong boundary"
        ),
        pytest.param(b"garbage" * 100_000, "form-malformed", None, id="garbage"),
        pytest.param(
            LIMIT + FILE.replace(b"form-data", b"attachment") + CLOSING,
            "form-malformed",
            None,
            id="a part that is not a field",
        ),
        pytest.param(
            LIMIT + FILE.replace(b' name="file";', b"") + CLOSING,
            "form-malformed",
            None,
            id="a part without a name",
        ),
        pytest.param(
            LIMIT + file_part_head(more="X-Long: " + "x" * 20_000 + "\r\n") + CLOSING,
            "form-malformed",
            None,
            id="huge part headers",
        ),
        pytest.param(
            LIMIT + file_part_head(more="".join(f"X-{n}: y\r\n" for n in range(5000))) + CLOSING,
            "form-malformed",
            None,
            id="many part headers",
        ),
        pytest.param(
            LIMIT
            + file_part_head(more="Repr-Digest: sha-256=:AAAA:\r\n")
            + CSV
            + b"\r\n"
            + CLOSING,
            "field-invalid",
            "Repr-Digest",
            id="a digest that is none",
        ),
    ],
)
def test_malformed_forms(clean: TestAccount, body: bytes, code: str, field: str | None) -> None:
    document = assert_problem(post(clean, body), 422, code)
    assert document.get("field") == field
    chunks = clean.api.post(
        "/file/new", content=iter([body[:1000], body[1000:]]), headers={"Content-Type": MULTIPART}
    )
    assert assert_problem(chunks, 422, code).get("field") == field


@pytest.mark.parametrize("name", ["f{}", "file_description", "x" * 1000])
def test_ten_thousand_fields(clean: TestAccount, name: str) -> None:
    body = b"".join(text_part(name.format(n), "x") for n in range(10_000)) + WHOLE
    answer = post(clean, body)
    assert answer.json()["code"] in ("field-invalid", "form-malformed")
    assert_problem(answer, 422, answer.json()["code"])
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        (None, 415, "media-type-unsupported"),
        ("", 415, "media-type-unsupported"),
        ("text/csv", 415, "media-type-unsupported"),
        ("application/json", 415, "media-type-unsupported"),
        ("application/x-www-form-urlencoded", 415, "media-type-unsupported"),
        ("multipart/mixed; boundary=x", 415, "media-type-unsupported"),
        ("multipart/form-data", 422, "form-malformed"),
        ("multipart/form-data; boundary=", 422, "form-malformed"),
        ("multipart/form-data; boundary=" + "b" * 71, 422, "form-malformed"),
    ],
)
def test_wrong_content_types(
    clean: TestAccount, content_type: str | None, status: int, code: str
) -> None:
    assert_problem(post(clean, WHOLE, content_type), status, code)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        ".",
        "a/b.csv",
        "a\\b.csv",
        "..\\b.csv",
        "/etc/passwd",
        "a\0b.csv",
        "a\tb.csv",
        "a\x7fb.csv",
        "a\u0085b.csv",
        "invoice\u202efdp.csv",
        "\u2066a\u2069.csv",
        "x" * 296 + ".csv",
        "é" * 256,
        "",
    ],
)
def test_names_that_are_refused(clean: TestAccount, name: str) -> None:
    body = LIMIT + file_part_head(name) + CSV + b"\r\n" + CLOSING
    answer = post(clean, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in ("field-invalid", "form-malformed")
    assert_problem(answer, 422, answer.json()["code"])


def test_a_line_break_never_becomes_part_of_a_name(clean: TestAccount) -> None:
    for raw in (b"a\r\nX-Evil: 1\r\n.csv", b"a\n.csv", b"a%0Ab\r.csv", b"\xff.csv"):
        body = LIMIT + file_part_head("NAME").replace(b"NAME", raw) + CSV + b"\r\n" + CLOSING
        answer = post(clean, body)
        assert_problem(answer, 422, answer.json()["code"])
        assert answer.json()["code"] in ("field-invalid", "form-malformed")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("orders.csv", "orders.csv"),
        ("заказы 订单.csv", "заказы 订单.csv"),
        ("e\u0301te\u0301.csv", "été.csv"),
        ("x" * 255, "x" * 255),
        ("...", "..."),
        ("semi;colon, 100%.csv", "semi;colon, 100%.csv"),
        (" spaced .csv", " spaced .csv"),
        ("אבג.csv", "אבג.csv"),
        ("5%22 of 10%.csv", '5" of 10%.csv'),  # as browsers and curl send a quotation mark
    ],
)
def test_names_that_are_kept(account: TestAccount, sent: str, kept: str) -> None:
    body = LIMIT + file_part_head(sent) + CSV + b"\r\n" + CLOSING
    answer = post(account, body)
    assert answer.status_code == 202, answer.text
    assert account.api.wait_task(answer.json()["task_id"])["file_name"] == kept


@pytest.mark.parametrize(
    "limit",
    [
        "-1",
        "0",
        "00",
        "1e3",
        "12MB",
        "9223372036854775808",
        "1" + "0" * 100,
        "1.5",
        "+5",
        " 5",
        "5 ",
        "0x10",
        "1_000",
        "1,000",
        "１２",
        "²",
        '"100000"',
        "",
        "NaN",
        "\0",
    ],
)
@pytest.mark.parametrize("file_first", [True, False])
def test_size_limits_that_are_none(clean: TestAccount, limit: str, file_first: bool) -> None:
    body = form(CSV, file_first=file_first, file_size_limit=limit)
    document = assert_problem(post(clean, body), 422, "field-invalid", field="file_size_limit")
    assert document["detail"].startswith("`file_size_limit` ")


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        "yes",
        "null",
        "42",
        '"true"',
        "[]",
        "{}",
        '{"fields": []}',
        '{"fields": 3}',
        '{"fields": [{"name": "a"}, {"name": "a"}]}',
        '{"fields": [{"type": "integer"}]}',
        '{"fields": [{"name": "a", "type": "number-ish"}]}',
        '{"fields": [{"name": "a", "constraints": {"minimum": "x"}, "type": "integer"}]}',
        '{"fields": [{"name": "a"}], "fields": [{"name": "b"}]}',
        '{"fields": [{"name": "a", "constraints": {"pattern": "("}}]}',
        '{"fields": [{"name": "a", "constraints": {"pattern": "(?<=x)y"}}]}',
        '{"fields": [{"name": "a", "constraints": {"pattern": "(a)\\\\1"}}]}',
        '{"fields": [{"name": "\\ud800"}]}',
        '{"fields": [{"name": "a", "constraints": {"minimum": NaN}, "type": "number"}]}',
        deep(65),
        deep(100_000),
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        json.dumps({"fields": [{"name": "x" * 1_000_000}]}),
        "9" * 10_000,
    ],
    ids=lambda schema: schema[:40],
)
def test_schemas_that_are_none(clean: TestAccount, schema: str) -> None:
    document = assert_problem(
        post(clean, form(CSV, file_size_limit="1000", enforce_schema=schema)), 422, "schema-invalid"
    )
    assert isinstance(document["pointer"], str)


def test_a_schema_of_more_than_a_mebibyte(clean: TestAccount) -> None:
    body = form(CSV, file_size_limit="1000", enforce_schema="[" + " " * 2**20 + "]")
    answer = post(clean, body)
    assert answer.json()["code"] in ("field-invalid", "schema-invalid")
    assert_problem(answer, 422, answer.json()["code"])


def test_a_catastrophic_pattern_is_none_here(account: TestAccount) -> None:
    schema = {"fields": [{"name": "id", "constraints": {"pattern": "(a+)+$"}}]}
    content = b"id\n" + (b"a" * 5000 + b"!\n") * 50
    answer = post(
        account, form(content, file_size_limit="1000000", enforce_schema=json.dumps(schema))
    )
    assert answer.status_code == 202, answer.text
    task = account.api.wait_task(answer.json()["task_id"])
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    assert task["error"]["error_count"] == 50


def digest(content: bytes) -> str:
    value = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return f"Repr-Digest: sha-256=:{value}:\r\n"


def test_a_digest_is_held_against_what_arrived(account: TestAccount, clean: TestAccount) -> None:
    wrong = LIMIT + file_part_head(more=digest(CSV + b"x")) + CSV + b"\r\n" + CLOSING
    document = assert_problem(post(clean, wrong), 422, "digest-mismatch")
    assert document["received"] == hashlib.sha256(CSV).hexdigest()
    twice = LIMIT + file_part_head(more=2 * digest(CSV)) + CSV + b"\r\n" + CLOSING
    assert_problem(post(clean, twice), 422, "form-malformed")


def test_a_right_digest_is_accepted(account: TestAccount) -> None:
    right = LIMIT + file_part_head(more=digest(CSV)) + CSV + b"\r\n" + CLOSING
    assert post(account, right).status_code == 202
    other = "Repr-Digest: sha-3=:AAAA:\r\n"
    unknown = LIMIT + file_part_head(more=other) + CSV + b"\r\n" + CLOSING
    assert post(account, unknown).status_code == 202


def test_a_client_that_hangs_up_leaves_nothing(clean: TestAccount) -> None:
    body = form(b"a,b\n" + b"1,2\n" * 1_000_000, file_size_limit="10000000")
    headers = {**clean.api.authorization, "Content-Type": MULTIPART}
    for framing, pieces in (
        ({"Content-Length": str(len(body))}, [body[: len(body) // 2]]),
        ({"Transfer-Encoding": "chunked"}, list(chunked([body[:2_500_000]]))[:-1]),
    ):
        with connect(clean.server.endpoint) as sock:
            sock.sendall(head("POST", "/api/v1/file/new", headers | framing))
            for piece in pieces:
                sock.sendall(piece)
            wait_until(lambda: clean.api.account()["reserved"], "the upload has begun")
        wait_until(lambda: not clean.api.account()["reserved"], "it is given up")


LISTS = ("/files", "/tasks", "/keys", "/users", "/offers", "/activity")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "cursor",
    ["x", "", "====", "e30", "W10", "WzEsMl0", "%00", "\u202e", "A" * 5000, "WzFlMzA4LCIwIl0"],
)
def test_malformed_cursors(account: TestAccount, cursor: str) -> None:
    for path in LISTS:
        answer = account.api.get(path, params={"cursor": cursor})
        assert_problem(answer, 422, "field-invalid", field="cursor")


def cursor_of(document: str) -> str:
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "document",
    [
        '[99999999999999999999999,"00000000000000000000000000000000",LIST]',
        '[-99999999999999999999999,"00000000000000000000000000000000",LIST]',
        '["now","00000000000000000000000000000000",LIST]',
        '[1e400,"00000000000000000000000000000000",LIST]',
        '[NaN,"00000000000000000000000000000000",LIST]',
        "[null,null,LIST]",
        '[1,"\'; DROP TABLE files;--",LIST]',
        '[1,"00000000000000000000000000000000"]',
        '[1,"00000000000000000000000000000000",LIST,""]',
        '[1,"00000000000000000000000000000000","lists",""]',
        '{"a":1,"b":2}',
        "[" * 3000,
        "9" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_forged_cursors(account: TestAccount, document: str) -> None:
    for path in LISTS:
        forged = document.replace("LIST", f'"{path[1:]}",""')
        answer = account.api.get(path, params={"cursor": cursor_of(forged)})
        assert_problem(answer, 422, "field-invalid", field="cursor")


@pytest.mark.parametrize(
    "malformed",
    ["x", "42", "1dd1ce46-62cc-486e-9f47", "%00", "..%2f..", "' OR 1=1", "\u202e", "a" * 3000],
)
def test_malformed_ids(account: TestAccount, malformed: str) -> None:
    for path in ("/file/{}", "/file/download/{}", "/file/{}/report", "/task/{}", "/task/{}/events"):
        answer: httpx2.Response = account.api.get(path.format(malformed))
        assert_problem(answer, 404, "not-found")
        assert malformed not in answer.text or len(malformed) < 3


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/files?limit=0", "limit"),
        ("/files?limit=1001", "limit"),
        ("/files?limit=-1", "limit"),
        ("/files?limit=x", "limit"),
        ("/files?limit=" + "9" * 5000, "limit"),
        ("/files?sort=name", "sort"),
        ("/tasks?limit=0", "limit"),
        ("/keys?limit=0", "limit"),
        ("/keys?limit=1001", "limit"),
        ("/users?limit=-1", "limit"),
        ("/users?limit=x", "limit"),
        ("/offers?limit=0", "limit"),
        ("/offers?limit=1001", "limit"),
        ("/tasks?limit=1e2", "limit"),
        ("/tasks?status=nope", "status"),
    ],
)
def test_malformed_parameters(account: TestAccount, path: str, field: str) -> None:
    assert_problem(account.api.get(path), 422, "field-invalid", field=field)


@pytest.mark.both_databases
@pytest.mark.parametrize("version", ["0", "-1", "x", "99999999999999999999"])
def test_malformed_versions(account: TestAccount, version: str) -> None:
    for what in ("report", "profile"):
        path = f"/file/1dd1ce46-62cc-486e-9f47-1f96c1895b25/{what}"
        answer = account.api.get(path, params={"version": version})
        assert_problem(answer, 422, "field-invalid", field="version")
