"""What people write in names, descriptions and reasons: any script, but nothing that deceives."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.api import CSV, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.texts import replace_forbidden

# The rules are code, and the same on both databases.
on_sqlite = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
PERSIAN = "گزارش می‌خواهم"  # with U+200C, which Persian needs within words
SOUND = (PERSIAN, "क्‍ष हिन्दी", "עברית\u200f 5", "日本語", "naïve – “quoted” 🙂", "a\u00a0b")
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FORBIDDEN = [*BIDI, "\x00", "\x1b", "\x7f", "\x85"]
OF_ONE_LINE = ["\n", "\t", "\u2028"]
Send = Callable[[TestAccount, str, str], Any]


def describe(account: TestAccount, file_id: str, text: str) -> Any:
    return account.api.request("PATCH", f"/file/{file_id}", json={"file_description": text})


def describe_new(account: TestAccount, file_id: str, text: str) -> Any:
    return account.api.upload(CSV, file_description=text)


def rename(account: TestAccount, file_id: str, text: str) -> Any:
    return account.api.request("PATCH", f"/file/{file_id}", json={"file_name": text})


def name_key(account: TestAccount, file_id: str, text: str) -> Any:
    return account.api.post("/key/new", json={"name": text, "scopes": ["read"]})


def accept(account: TestAccount, file_id: str, text: str) -> Any:
    return account.api.post(f"/file/{file_id}/versions/1/accept", json={"reason": text})


LINES: dict[str, Send] = {"file_name": rename, "name": name_key}
PARAGRAPHS: dict[str, Send] = {"file_description": describe, "reason": accept}


@pytest.fixture(scope="module")
def owner(server: Server) -> tuple[TestAccount, str]:
    account = server.new_account()
    return account, str(account.api.deliver(CSV)["file_id"])


@on_sqlite
@pytest.mark.parametrize("field", [*LINES, *PARAGRAPHS])
def test_letters_of_every_script_are_fine(owner: tuple[TestAccount, str], field: str) -> None:
    send = (LINES | PARAGRAPHS)[field]
    # The version was not rejected, so that there is nothing to accept.
    status = {"reason": 409, "name": 201}.get(field, 200)
    for text in SOUND:
        assert send(*owner, text).status_code == status


@on_sqlite
@pytest.mark.parametrize("field", [*LINES, *PARAGRAPHS])
def test_what_hides_or_turns_a_text_is_refused_and_named(
    owner: tuple[TestAccount, str], field: str
) -> None:
    send = (LINES | PARAGRAPHS)[field]
    for character in [*FORBIDDEN, *(OF_ONE_LINE if field in LINES else ())]:
        problem = assert_problem(send(*owner, f"ab{character}c"), 422, "field-invalid", field=field)
        assert f"character 3 is U+{ord(character):04X}" in problem["detail"]
    for character in () if field in LINES else OF_ONE_LINE[:2]:
        assert send(*owner, f"ab{character}c").status_code != 422


@on_sqlite
def test_a_new_files_description_is_checked_too(owner: tuple[TestAccount, str]) -> None:
    refused = describe_new(*owner, "safe\u202egnp.exe")
    assert_problem(refused, 422, "field-invalid", field="file_description")


def test_pages_show_joiners_and_mark_what_is_forbidden() -> None:
    assert replace_forbidden(PERSIAN) == PERSIAN
    assert replace_forbidden("a\u202eb\nc") == "a\ufffdb\ufffdc"
