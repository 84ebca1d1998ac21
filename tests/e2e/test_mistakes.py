"""What people get wrong, or what gets in between: they see it, and lose nothing that they typed."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import (
    PASSWORD,
    Browse,
    OpenPage,
    give_password,
    post_sign_in,
    sign_in,
)
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

from entrepot.accounts.accounts import set_quota
from entrepot.accounts.passwords import hash_password

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
BROKEN = b"id,amount\n1,2\n3,x\n"
PHONE = {"width": 390, "height": 844}


def contract(account: TestAccount) -> str:
    """A file with a contract and a published version."""
    return str(account.api.deliver(CSV, enforce_schema=json.dumps(SCHEMA))["file_id"])


def signed_in(browse: Browse, account: TestAccount) -> httpx2.Client:
    client = browse()
    assert post_sign_in(client, account).status_code == 303
    return client


@pytest.mark.parametrize(("form", "field"), [("Share", "user_name"), ("Offer", "offer_to")])
def test_a_refused_share_is_seen(page: Page, person: TestAccount, form: str, field: str) -> None:
    """In the title, in a summary at the top, and with the focus on the field."""
    page.goto(f"/files/{contract(person)}")
    page.locator(f"#{field}").fill("nobody:here")
    page.get_by_role("button", name=form, exact=True).click()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator(f"#{field}")).to_be_focused()
    expect(page.locator(f"#{field}")).to_be_in_viewport()
    summary = page.get_by_role("alert")
    expect(summary.get_by_role("link")).to_have_attribute("href", f"#{field}")
    for place in (summary, page.locator(f"#{field}-error")):
        expect(place).to_contain_text("or files cannot be shared with them.")
    above = page.evaluate("document.querySelector('[role=alert]').getBoundingClientRect().top")
    assert above + page.evaluate("scrollY") < 200


def test_what_was_done_is_confirmed_where_one_looks(
    plain: Page, site: Server, person: TestAccount
) -> None:
    """Also at a section far down the page, and once only."""
    other = site.new_account()
    plain.goto(f"/files/{contract(person)}")
    plain.get_by_label("User", exact=True).fill(other.admin.user_name)
    plain.get_by_role("button", name="Share", exact=True).click()
    confirmation = plain.get_by_role("status").filter(has_text="The file is shared")
    expect(confirmation).to_be_in_viewport()
    plain.get_by_role("button", name="Revoke what").click()
    expect(plain.get_by_text("This share has ended.")).to_be_in_viewport()
    plain.reload()
    expect(plain.get_by_text("This share has ended.")).to_have_count(0)


def test_the_page_stays_about_the_current_version(plain: Page, person: TestAccount) -> None:
    file_id = contract(person)
    task = deliver(person.api, file_id, BROKEN)
    plain.goto(f"/files/{file_id}")
    expect(plain.get_by_role("heading", name="Report on version 1")).to_be_visible()
    expect(plain.get_by_role("heading", name="Profile of version 1")).to_be_visible()
    banner = plain.get_by_role("status").filter(has_text="Version 2 was rejected")
    expect(banner).to_contain_text("Readers keep version 1")
    banner.get_by_role("link").click()
    plain.wait_for_url(f"**/tasks/{task['task_id']}")


def test_a_rejected_schema_is_there_to_be_corrected(plain: Page, person: TestAccount) -> None:
    file_id = contract(person)
    schema = {"fields": [*SCHEMA["fields"][:1], {"name": "amount", "type": "date"}]}
    plain.goto(f"/files/{file_id}/schema")
    plain.get_by_label("Table Schema as JSON").fill(json.dumps(schema))
    plain.get_by_role("button", name="Check it").click()
    plain.get_by_label("Change it anyway").check()
    plain.get_by_role("button", name="Check it").click()
    plain.get_by_role("link", name="try again").click()
    text = plain.get_by_label("Table Schema as JSON").input_value()
    assert json.loads(text)["fields"][1]["type"] == "date"


def test_versions_without_bytes_are_not_offered_for_comparison(
    plain: Page, person: TestAccount, site: Server
) -> None:
    """A published version and the sender's own rejected one are; one of somebody else is not."""
    file_id = contract(person)
    deliver(person.api, file_id, BROKEN)
    plain.goto(f"/files/{file_id}")
    plain.get_by_text("Compare two versions").click()
    expect(plain.get_by_label("Later version")).to_have_value("2")
    reader = site.new_account()
    give_password(site, reader.admin, hash_password(PASSWORD))
    share(person.api, file_id, reader.admin.user_name, "r")
    sign_in(plain, reader.admin)
    plain.goto(f"/files/{file_id}")
    expect(plain.get_by_text("Compare two versions")).to_have_count(0)


def test_a_version_is_not_accepted_without_a_reason(plain: Page, person: TestAccount) -> None:
    file_id = contract(person)
    task = deliver(person.api, file_id, BROKEN)
    plain.goto(f"/tasks/{task['task_id']}")
    plain.get_by_text("Accept it anyway").click()
    plain.get_by_label("Why").fill("  ")
    plain.get_by_role("button", name="Publish it as it is").click()
    expect(plain).to_have_title(re.compile("^Error: "))
    expect(plain.get_by_role("alert")).to_contain_text("Why is required.")
    plain.get_by_label("Why").fill("Agreed by mail")
    plain.get_by_role("button", name="Publish it as it is").click()
    expect(plain.get_by_text("Accepted anyway, as an exception")).to_be_visible()


def test_a_form_outlives_its_session(server: Server, someone: TestAccount, browse: Browse) -> None:
    """What was typed goes through the sign-in, also a failed one, and is sent by the person."""
    file_id = contract(someone)
    client = browse()
    form = {"file_name": "b.csv", "file_description": 'Long <text> & "more"\r\nof it'}
    form |= {"file_size_limit": "2 MB", "keep": "", "keep_number": ""}
    answer = client.post(f"/files/{file_id}/settings", data=form)
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text
    assert someone.api.json(f"/file/{file_id}")["file_name"] == "orders.csv"
    fields = hidden_fields(answer.text)
    wrong = client.post("/sign-in", data={**fields, **credentials(someone), "password": "wrong"})
    assert wrong.status_code == 422
    resumed = client.post("/sign-in", data={**hidden_fields(wrong.text), **credentials(someone)})
    assert resumed.status_code == 200
    assert hidden_fields(resumed.text).items() >= form.items()
    kept = dict(re.findall(r"<dt>(.*?)</dt><dd><bdi>(.*?)</bdi>", resumed.text, re.S))
    assert (kept["Size limit"], kept["Versions that are kept"]) == ("2 MB", "all of them")
    assert someone.api.json(f"/file/{file_id}")["file_name"] == "orders.csv"
    action = re.findall(r'<form method="post" action="(/files/[^"]*)">', resumed.text)[0]
    assert client.post(action, data=form).status_code == 303
    result = someone.api.json(f"/file/{file_id}")
    assert (result["file_name"], result["file_size_limit"]) == ("b.csv", 2_000_000)
    assert result["file_description"] == 'Long <text> & "more"\nof it'


@pytest.mark.parametrize("file_first", [True, False], ids=["file first", "file last"])
@pytest.mark.parametrize("cookie", [None, "ended"])
def test_the_fields_of_an_upload_outlive_its_session(
    someone: TestAccount, browse: Browse, file_first: bool, cookie: str | None
) -> None:
    """All but the file, which a page cannot fill in; scripts send it last, browsers first."""
    client = browse()
    if cookie:
        client.cookies.set("entrepot", cookie)
    typed = {"file_description": 'A "long" text\r\nof mine', "file_size_limit": "3 MB"}
    typed |= {"contract": "given", "schema": json.dumps(SCHEMA)}
    fields: list[tuple[str, Any]] = [(name, (None, text)) for name, text in typed.items()]
    file = [("file", ("orders.csv", CSV, "text/csv"))]
    answer = client.post("/upload", files=file + fields if file_first else fields + file)
    assert answer.status_code == 401
    assert "What you filled in is kept" in answer.text
    resumed = client.post("/sign-in", data={**hidden_fields(answer.text), **credentials(someone)})
    assert "choose it again" in resumed.text
    again = client.post("/upload", data=hidden_fields(resumed.text))
    assert again.status_code == 200
    assert "A &#34;long&#34; text\r\nof mine" in again.text
    assert 'value="3 MB"' in again.text
    assert html.escape(json.dumps(SCHEMA)).replace("&quot;", "&#34;") in again.text
    assert 'value="given" checked' in again.text
    assert someone.api.json("/files") == {"files_list": []}


def test_passwords_and_long_forms_are_not_carried(browse: Browse) -> None:
    client = browse()
    for path, form in (
        ("/password", {"current_password": "secret-1", "password": "secret-2"}),
        ("/keys", {"name": "x" * 30_000}),
    ):
        answer = client.post(path, data=form)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/sign-in?next={path}"


def test_the_theme_keeps_what_is_typed(page: Page) -> None:
    page.goto("/upload")
    page.get_by_label("Description").fill("typed")
    with page.expect_response("**/theme"):
        page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    expect(page.get_by_label("Description")).to_have_value("typed")
    page.reload()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    with page.expect_response("**/theme"):
        page.get_by_role("radio", name="Dark").press("ArrowLeft")
    expect(page.locator("html")).to_have_css("color-scheme", "light")


def test_a_phone_shows_each_wrong_cell_and_the_way_out_first(
    open_page: OpenPage, person: TestAccount
) -> None:
    names = [f"column_with_a_long_name_{n}" for n in range(12)]
    schema = {"fields": [{"name": name, "type": "integer"} for name in names]}
    good = ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"
    file_id = person.api.deliver(good.encode(), enforce_schema=json.dumps(schema))["file_id"]
    rows = [",".join("wrong" if n == row else "2" for n in range(12)) for row in range(12)]
    task = deliver(person.api, file_id, (good + "\n".join(rows) + "\n").encode())
    phone = open_page(viewport=PHONE)
    sign_in(phone, person.admin)
    phone.goto(f"/tasks/{task['task_id']}")
    cells = phone.locator(".rejected mark")
    assert cells.count() >= 8
    for box in (each.bounding_box() for each in cells.all()):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    way_out = phone.get_by_role("link", name="Deliver a correction").bounding_box()
    first = phone.locator(".rejected").bounding_box()
    assert way_out is not None
    assert first is not None
    assert way_out["y"] < first["y"]


@pytest.mark.parametrize(
    ("text", "size"), [("500 kB", 500_000), ("1.5MB", 1_500_000), ("2 GiB", 2 << 30), ("77", 77)]
)
def test_sizes_have_units(
    server: Server, someone: TestAccount, browse: Browse, text: str, size: int
) -> None:
    client = signed_in(browse, someone)
    form = {"file_description": "", "file_size_limit": text, "contract": "none"}
    answer = client.post("/upload", data=form, files={"file": ("a.csv", CSV)})
    assert answer.status_code == 303, answer.text
    task = someone.api.wait_task(answer.headers["location"].rpartition("/")[2])
    assert someone.api.json(f"/file/{task['file_id']}")["file_size_limit"] == size


def test_a_long_text_is_not_a_size(server: Server, someone: TestAccount, browse: Browse) -> None:
    """Also if it begins with one."""
    client = signed_in(browse, someone)
    form = {"file_size_limit": f"10 MB{' ' * 40}x", "contract": "none"}
    answer = client.post("/upload", data=form, files={"file": ("a.csv", CSV)})
    assert answer.status_code == 422
    assert "is not a size" in answer.text
    assert someone.api.json("/files") == {"files_list": []}


def test_a_no_break_space_is_a_space(server: Server, someone: TestAccount, browse: Browse) -> None:
    """It is drawn as it is, not as damage."""
    text = "Jena\u00a0West"
    content = f"id,note\n1,{text}\n".encode()
    file_id = someone.api.deliver(content, file_description=text)["file_id"]
    server.wait_derived()
    client = signed_in(browse, someone)
    for path in ("/files", f"/files/{file_id}", f"/files/{file_id}/preview"):
        page = html.unescape(client.get(path).text)
        assert text in page, path
        assert "\ufffd" not in page
        assert "no-break space" not in page


def test_lines_of_a_new_account_work_as_they_are(
    server: Server, someone: TestAccount, browse: Browse, tmp_path: Path
) -> None:
    """All but the one that needs the id of the task before it."""
    client = signed_in(browse, someone)
    for _ in range(2):  # without a file, and with the one that was uploaded
        for command in commands(client.get("/endpoint").text, "the command: "):
            if "<TASK ID>" not in command:
                paste(command, someone, tmp_path)
        (task, *_) = someone.api.json("/tasks")["tasks_list"]
        assert someone.api.wait_task(task["task_id"])["status"] == "succeeded"


def test_lines_of_a_file_work_as_they_are(
    server: Server, someone: TestAccount, browse: Browse, tmp_path: Path
) -> None:
    """With the file's own name, whatever is in it."""
    name = '-o it\'s "new" $(x).csv'
    file_id = someone.api.deliver(CSV)["file_id"]
    assert someone.api.request("PATCH", f"/file/{file_id}", json={"file_name": name}).is_success
    client = signed_in(browse, someone)
    page = client.get(f"/files/{file_id}").text
    (download, _pull, python, duckdb) = commands(page, "the lines that read it with ")
    paste(download, someone, tmp_path)
    assert (tmp_path / name).read_bytes() == CSV
    (upload, push) = commands(page, "the lines that deliver a version with ")
    paste(upload, someone, tmp_path)
    paste(push, someone, tmp_path)
    (task, *_) = someone.api.json("/tasks")["tasks_list"]
    assert someone.api.wait_task(task["task_id"])["version"] == 3
    assert file_id in python
    assert f"/{file_id}/table.parquet" in duckdb


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    matches = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in matches}


def credentials(account: TestAccount) -> dict[str, str]:
    return {"user_name": account.admin.user_name, "password": PASSWORD}


def commands(page: str, label: str) -> list[str]:
    """The commands of a page whose label begins so."""
    pattern = rf'aria-label="{label}[^"]*"><code>(.*?)</code>'
    matches = re.findall(pattern, page, re.DOTALL)
    assert matches, page
    return [html.unescape(each) for each in matches]


def paste(command: str, account: TestAccount, folder: Path) -> None:
    """Run what a person pastes, with their key in it; it must succeed."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "no_proxy": "*",
        "ENTREPOT_ENDPOINT": account.server.endpoint,
        "ENTREPOT_API_KEY": account.api_key,
    }
    fail = "" if "--fail" in command else "--fail "
    script = command.replace("<API KEY>", account.api_key).replace("curl ", f"curl {fail}-sS ")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("file_description", "x" * 10_001),
        ("file_size_limit", "-1"),
        ("file_size_limit", "1.000"),
        ("file_size_limit", "3 bytes"),
        ("path", "a//b"),
        ("schema", "{"),
        ("table_dialect", "{"),
        ("encoding", "none of them"),
        ("contract", "another"),
    ],
)
@pytest.mark.parametrize("file_first", [True, False], ids=["file first", "file last"])
def test_a_refused_upload_says_why_and_keeps_what_was_typed(
    someone: TestAccount, browse: Browse, field: str, text: str, file_first: bool
) -> None:
    """Also the fields behind the wrong one, and each as it was written."""
    client = signed_in(browse, someone)
    typed = {"file_description": "about it", "path": "sales/of", "file_size_limit": "1 MB"}
    typed |= {"contract": "given", "schema": json.dumps(SCHEMA)}
    typed |= {"table_dialect": '{"delimiter": ","}', "encoding": "utf-8", field: text}
    fields: list[tuple[str, Any]] = [(name, (None, value)) for name, value in typed.items()]
    file = [("file", ("orders.csv", CSV, "text/csv"))]
    answer = client.post("/upload", files=file + fields if file_first else fields + file)
    assert answer.status_code in (413, 422)
    assert answer.text.count('role="alert"') == 1
    for value in typed.values():
        assert html.escape(value).replace("&quot;", "&#34;") in answer.text or field == "contract"
    assert someone.api.json("/files") == {"files_list": []}


def test_a_link_gets_its_password_also_after_the_session_has_ended(
    someone: TestAccount, browse: Browse
) -> None:
    """The password is not carried through the sign-in, so that it is asked for again."""
    file_id = contract(someone)
    client = browse()
    form = {"kind": "read", "expires": "7", "password": "violet harbour eleven kites"}
    answer = client.post(f"/files/{file_id}/links", data=form)
    assert form["password"] not in answer.text
    resumed = client.post("/sign-in", data={**hidden_fields(answer.text), **credentials(someone)})
    field = re.findall(r'<input id="password"[^>]*>', resumed.text)[0]
    assert 'type="password"' in field
    assert "required" in field
    assert "password" not in hidden_fields(resumed.text)


def test_a_refused_withdrawal_still_removes_the_bytes(someone: TestAccount, browse: Browse) -> None:
    file_id = contract(someone)
    form = {"reason": " ", "purge": "true"}
    path = f"/files/{file_id}/versions/1/withdraw"
    answer = signed_in(browse, someone).post(path, data=form)
    assert answer.status_code == 422
    assert 'name="purge" value="true" checked' in answer.text


def test_a_form_that_is_refused_as_a_whole_is_kept(
    server: Server, browse: Browse, password_hash: str
) -> None:
    """Without a field that is wrong, such as where the account's quota is used up: the page has
    what was typed, to be sent again."""
    account = server.new_account()
    give_password(server, account.admin, password_hash)
    file_id = contract(account)
    client = signed_in(browse, account)
    deliver(account.api, file_id, BROKEN)
    server.parts.database.write(set_quota, account.name, len(CSV + BROKEN))
    form = {"reason": "Agreed by mail"}
    path = f"/files/{file_id}/versions/2/accept"
    refused = client.post(path, data=form)
    assert (refused.status_code, hidden_fields(refused.text)) == (413, form)
    assert f'<form method="post" action="{path}">' in refused.text
    server.parts.database.write(set_quota, account.name, 10**9)
    assert client.post(path, data=hidden_fields(refused.text)).status_code == 303


@pytest.mark.parametrize("text", ["{", "[1 2]", '{"a" 1}', "{} {}", "9" * 5_000, "yes", '{"a'])
def test_what_is_wrong_with_json_is_said_in_plain_words(
    someone: TestAccount, browse: Browse, text: str
) -> None:
    client = signed_in(browse, someone)
    form = {"schema": text, "table_dialect": text, "encoding": ""}
    for field in ("schema", "table_dialect"):
        answer = client.post(f"/files/{contract(someone)}/schema", data=form)
        words = re.findall(f'id="{field}-error"><bdi>(.*?)</bdi>', answer.text)[0]
        assert not re.search("Expecting|delimiter|char |sys[.]|table_dialect|pointer", words), words
        form["schema"] = json.dumps(SCHEMA)
