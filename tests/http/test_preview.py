"""Pages of rows out of a version, over real servers."""

import base64
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from tests.support.api import Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

ROWS = 2_500
CITIES = ("Kiel", "Jena", "Ulm", "")


def lines() -> Iterator[str]:
    yield "id,city,amount,day,at,flag\n"
    for n in range(ROWS):
        city = CITIES[n % 4]
        amount = "" if n % 5 == 0 else f"{(n * 7919) % 1000 / 4:.2f}"
        yield f"{n},{city},{amount},2026-01-{n % 28 + 1:02},2026-03-01T10:00:{n % 60:02}Z,"
        yield f"{'true' if n % 2 else 'false'}\n"


CONTENT = "".join(lines()).encode()


@pytest.fixture(scope="module")
def holder(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def path(holder: TestAccount) -> str:
    task = holder.api.deliver(CONTENT, enforce_schema="true")
    assert task["status"] == "succeeded"
    path = f"/file/{task['file_id']}/preview"
    assert holder.api.get(path).status_code == 200
    return path


def ids(page: dict[str, Any]) -> list[int]:
    place = [column["name"] for column in page["columns"]].index("id")
    return [row["values"][place] for row in page["rows"]]


def follow(api: Api, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All pages, by their links alone."""
    answer = api.get(path, params=parameters)
    pages = []
    while True:
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        link = answer.headers.get("link")
        if link is None:
            return pages
        named = re.fullmatch(r'<(.+)>; rel="next"', link)
        assert named
        answer = api.client.get(named[1])


def test_a_page_says_what_its_columns_are(holder: TestAccount, path: str) -> None:
    page = holder.api.json(path, params={"limit": 2})
    assert (page["version"], page["row_count"]) == (1, ROWS)
    assert page["columns"] == [
        {"name": "id", "type": "integer", "stored_as": "BIGINT"},
        {"name": "city", "type": "string", "stored_as": "VARCHAR"},
        {"name": "amount", "type": "number", "stored_as": "DECIMAL(5,2)"},
        {"name": "day", "type": "date", "stored_as": "DATE"},
        {"name": "at", "type": "datetime", "stored_as": "TIMESTAMP WITH TIME ZONE"},
        {"name": "flag", "type": "boolean", "stored_as": "BOOLEAN"},
    ]
    assert page["rows"] == [
        {"_row": 2, "values": [0, "Kiel", None, "2026-01-01", "2026-03-01T10:00:00Z", False]},
        {"_row": 3, "values": [1, "Jena", "229.75", "2026-01-02", "2026-03-01T10:00:01Z", True]},
    ]


def test_pages_follow_one_another(holder: TestAccount, path: str) -> None:
    pages = follow(holder.api, path, limit=1000, columns="id")
    assert [len(page["rows"]) for page in pages] == [1000, 1000, 500]
    assert [n for page in pages for n in ids(page)] == list(range(ROWS))
    assert pages[2]["rows"][-1]["_row"] == ROWS + 1


def test_pages_of_a_filter_and_an_order(holder: TestAccount, path: str) -> None:
    """What is missing comes last whichever way, and rows that are equal stay in their order."""
    amounts = {n: None if n % 5 == 0 else (n * 7919) % 1000 / 4 for n in range(ROWS)}
    matching = [n for n in range(ROWS) if CITIES[n % 4] in ("Kiel", "Ulm")]
    for order, sign in (("-amount,id", -1), ("amount", 1)):
        where = "city IN ('Kiel', 'Ulm')"
        pages = follow(holder.api, path, limit=333, where=where, order_by=order, columns="id")
        expected = sorted(matching, key=lambda n: (amounts[n] is None, sign * (amounts[n] or 0), n))
        assert [n for page in pages for n in ids(page)] == expected


def workbook() -> bytes:
    """A title, a blank row, the header in row 3."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Sales of the year"], [], ["id", "city"], [1, "Kiel"], [2, "Jena"]):
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        ("t.xlsx", workbook(), 4),
        ("t.csv", b"Sales of the year\r\n\r\nid,city\r\n1,Kiel\r\n2,Jena\r\n", 4),
        ("t.json", b'[["id", "city"], [1, "Kiel"], [2, "Jena"]]', 2),
        ("t.json", b'[[1, "Kiel"], [2, "Jena"]]', 1),
        ("t.jsonl", b'{"id": 1, "city": "Kiel"}\n{"id": 2, "city": "Jena"}\n', 2),
    ],
    ids=["workbook", "csv", "arrays", "arrays without a header", "objects"],
)
def test_rows_have_the_numbers_that_reports_give_them(
    server: Server, name: str, content: bytes, first: int
) -> None:
    api = server.new_account().api
    dialect = {"itemType": "array", "header": first > 1} if name == "t.json" else {}
    task = api.deliver(content, name=name, table_dialect=json.dumps(dialect))
    assert task["status"] == "succeeded", task
    page = api.json(f"/file/{task['file_id']}/preview")
    assert [row["_row"] for row in page["rows"]] == [first, first + 1]


def test_jump_to_a_row(holder: TestAccount, path: str) -> None:
    page = holder.api.json(path, params={"offset": 2_490, "columns": "id"})
    assert (ids(page)[0], len(page["rows"]), page["rows"][0]["_row"]) == (2_490, 10, 2_492)
    assert holder.api.json(path, params={"offset": 2_500})["rows"] == []
    result = holder.api.json(path, params={"offset": 3, "where": "flag", "limit": 1})
    assert ids(result) == [7]
    answer = holder.api.get(path, params={"offset": 1_000_000, "where": "flag"})
    assert_problem(answer, 422, "field-invalid", field="offset")
    cursor = re.search(r"cursor=([^&>]+)", holder.api.get(path).headers["link"])
    assert cursor
    answer = holder.api.get(path, params={"offset": 1, "cursor": cursor[1]})
    assert_problem(answer, 422, "field-invalid", field="offset")


@pytest.mark.parametrize(
    ("parameters", "code", "members"),
    [
        ({"columns": "id,none"}, "unknown-column", {"parameter": "columns", "column": "none"}),
        ({"order_by": "-none"}, "unknown-column", {"parameter": "order_by", "column": "none"}),
        ({"where": "flag AND none = 1"}, "unknown-column", {"column": "none", "position": 10}),
        ({"where": "id = 1 AND"}, "expression-invalid", {"position": 10}),
        ({"where": "id = (SELECT 1)"}, "expression-invalid", {}),
        ({"where": "id = 'x'"}, "type-mismatch", {"column": "id", "column_type": "BIGINT"}),
        ({"where": "x" * 4_001}, "field-invalid", {"field": "where"}),
        ({"columns": "id,,city"}, "field-invalid", {"field": "columns"}),
        ({"columns": "-id"}, "field-invalid", {"field": "columns"}),
        ({"cursor": "?"}, "field-invalid", {"field": "cursor"}),
        ({"cursor": "W10"}, "field-invalid", {"field": "cursor"}),
        ({"limit": "0"}, "field-invalid", {"field": "limit"}),
        ({"limit": "1001"}, "field-invalid", {"field": "limit"}),
        ({"offset": "-1"}, "field-invalid", {"field": "offset"}),
    ],
    ids=str,
)
def test_what_cannot_be_asked(
    holder: TestAccount, path: str, parameters: dict[str, str], code: str, members: dict[str, Any]
) -> None:
    assert_problem(holder.api.get(path, params=parameters), 422, code, **members)


def test_a_cursor_of_another_query_is_refused(holder: TestAccount, path: str) -> None:
    query = {"where": "flag", "order_by": "city", "limit": "5"}
    link = holder.api.get(path, params=query).headers["link"]
    cursor = re.search(r"cursor=([^&>]+)", link)
    assert cursor
    for other in ({"where": "NOT flag"}, {"order_by": "-city"}):
        answer = holder.api.get(path, params=query | other | {"cursor": cursor[1]})
        assert_problem(answer, 422, "cursor-mismatch")
    narrower = query | {"cursor": cursor[1], "columns": "id", "limit": "7"}
    assert len(holder.api.json(path, params=narrower)["rows"]) == 7
    row, digest = json.loads(base64.urlsafe_b64decode(cursor[1] + "=="))
    forged = base64.urlsafe_b64encode(json.dumps([row + 10**9, digest]).encode()).decode()
    answer = holder.api.get(path, params=query | {"cursor": forged.rstrip("=")})
    assert_problem(answer, 422, "field-invalid", field="cursor")


def test_a_cursor_stays_with_its_version(holder: TestAccount) -> None:
    """A version that is published between two pages changes nothing of the second."""
    api = holder.api
    file_id = api.deliver(b"id\n" + b"".join(b"%d\n" % n for n in range(9)))["file_id"]
    first = api.get(f"/file/{file_id}/preview?limit=6")
    sent = api.post(f"/file/{file_id}/versions", files={"file": ("b.csv", b"id\n77\n")})
    api.wait_task(sent.json()["task_id"])
    named = re.fullmatch(r'<(.+)>; rel="next"', first.headers["link"])
    assert named
    second = api.client.get(named[1]).json()
    assert (second["version"], ids(second)) == (1, [6, 7, 8])
    assert ids(api.get(f"/file/{file_id}/preview").json()) == [77]


def test_values_that_json_cannot_hold_are_texts(holder: TestAccount) -> None:
    table = (
        b'big,huge,exact,float,time,fine,long,"odd, name"\n'
        b"9007199254740993,123456789012345678901234567890,0.10,1e300,23:59:59.5,"
        b"2026-03-01T10:00:00.123456789," + b"x" * 1_500 + b",1\n"
        b"-1,1,12.25,,00:00:00,2026-03-01T10:00:00,y,2\n"
    )
    file_id = holder.api.deliver(table, enforce_schema="true")["file_id"]
    result = holder.api.get(f"/file/{file_id}/preview").json()
    first, second = result["rows"]
    assert first["values"][:6] == [
        "9007199254740993", "123456789012345678901234567890", "0.10", 1e300, "23:59:59.5",
        "2026-03-01T10:00:00.123456789",
    ]  # fmt: skip
    assert (first["values"][6], first["cut"]) == ("x" * 1_000, ["long"])
    assert second["values"][:5] == [-1, "1", "12.25", None, "00:00:00"]
    assert "cut" not in second
    path = f"/file/{file_id}/preview"
    query = {"columns": '"odd, name",BIG', "order_by": '-"odd, name"'}
    named = holder.api.json(path, params=query)
    assert [column["name"] for column in named["columns"]] == ["odd, name", "big"]
    assert [row["values"][0] for row in named["rows"]] == [2, 1]


def test_what_is_no_table_has_no_preview(holder: TestAccount) -> None:
    file_id = holder.api.deliver(b"\x89PNG\r\n\x1a\n" + bytes(64), name="a.png")["file_id"]
    answer = holder.api.get(f"/file/{file_id}/preview")
    assert_problem(answer, 422, "not-tabular")


def test_a_deliverer_may_not_look(server: Server, holder: TestAccount, path: str) -> None:
    guest = server.new_account().admin
    share(holder.api, path.split("/")[2], guest.user_name, "w")
    assert_problem(guest.api.get(path), 403, "not-allowed")


def test_an_account_has_no_more_than_its_share(server: Server) -> None:
    """More at once than it may have: those beyond are refused with the figures, none is lost."""
    account = server.new_account()
    file_id = account.api.deliver(b"id\n1\n")["file_id"]
    account.api.get(f"/file/{file_id}/preview")
    most = server.settings.previews_per_account

    def ask(_: int) -> httpx2.Response:
        return account.api.get(f"/file/{file_id}/preview")

    with ThreadPoolExecutor(3 * most) as many:
        answers = list(many.map(ask, range(3 * most)))
    assert any(answer.status_code == 200 for answer in answers)
    for answer in answers:
        if answer.status_code != 200:
            assert_problem(answer, 429, "too-many-previews", limit=most, retry_after=1)
            assert answer.headers["retry-after"] == "1"
    assert account.api.get(f"/file/{file_id}/preview").status_code == 200
