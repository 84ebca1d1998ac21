"""A file that is made to hurt holds nobody else up: two accounts send it, a third is served."""

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.inspection.test_xlsx import MAIN, raw_book, raw_sheet
from tests.support.server import Server
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table

SMALL = b"a\n1\n2\n3\n"
OPENING = f'<worksheet xmlns="{MAIN}"'


def workbook(folder: Path, sheet: str) -> bytes:
    return raw_book(folder / "t.xlsx", sheet).read_bytes()


def huge_attribute(folder: Path, scale: int) -> bytes:
    return workbook(folder, raw_sheet(f'<row spans="{"9" * 8_000_000 * scale}"/>'))


def long_namespace(folder: Path, scale: int) -> bytes:
    uri = "u" * 100_000 * scale
    rows = raw_sheet('<q:a q:b=""/>' * 100_000 * scale)
    return workbook(folder, rows.replace(OPENING, f'{OPENING} xmlns:q="{uri}"'))


def unclosed_quote(folder: Path, scale: int) -> bytes:
    return b'a,b\n1,"x\n' + b"1,x\n" * 500_000 * scale


def many_rows(folder: Path, scale: int) -> bytes:
    return gzip.compress(b"a\n" + b"1\n" * 2_000_000 * scale)


def slow_pattern(folder: Path, scale: int) -> bytes:
    return slow_table()


FILES: dict[str, Callable[[Path, int], bytes]] = {
    "attribute.xlsx": huge_attribute,
    "namespace.xlsx": long_namespace,
    "quote.csv": unclosed_quote,
    "rows.csv.gz": many_rows,
    "pattern.csv": slow_pattern,
}


@pytest.mark.parametrize("scale", [1, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", FILES)
def test_a_small_file_is_published_beside(
    server: Server, tmp_path: Path, name: str, scale: int
) -> None:
    content = FILES[name](tmp_path, scale)
    contract = {"enforce_schema": json.dumps(SLOW_SCHEMA)} if name == "pattern.csv" else {}
    senders = [server.new_account().api for _ in range(2)]
    sent = [api.upload(content, name=name, limit=10**9, **contract) for api in senders]
    assert [answer.status_code for answer in sent] == [202, 202]
    tasks = [answer.json()["task_id"] for answer in sent]
    try:
        third = server.new_account().api
        small = third.deliver(SMALL, name="small.csv")  # waits less than each of these files took
        assert small["status"] == "succeeded", small
    finally:
        for api, task in zip(senders, tasks, strict=True):
            with suppress(AssertionError):
                api.post(f"/task/{task}/cancel")
            api.wait_task(task)
