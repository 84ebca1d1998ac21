"""What people do in a browser, with scripts."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage, give_password, send_sign_in_form, sign_in
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver
from tests.support.wait import UNHURRIED, wait_until

from entrepot.tasks.records import report_progress, start_task

CONTRACT = (
    '{"fields":[{"name":"id","type":"integer","constraints":{"unique":true}},'
    '{"name":"amount","type":"number","constraints":{"required":true}}]}'
)


def test_sign_in_leads_to_the_page_one_wanted(open_page: OpenPage, person: TestAccount) -> None:
    page = open_page()
    page.goto("/keys")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=/keys$"))
    send_sign_in_form(page, person.admin)
    expect(page).to_have_url(re.compile(r"/keys$"))
    expect(page.get_by_text(person.admin.user_name).first).to_be_visible()


def test_a_wrong_password_says_so_and_keeps_the_name(
    open_page: OpenPage, person: TestAccount
) -> None:
    page = open_page()
    send_sign_in_form(page, person.admin, "not the password at all")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("User name")).to_have_value(person.admin.user_name)
    expect(page.get_by_label("Password")).to_have_value("")


def test_sign_out_ends_the_session_on_the_server_too(page: Page) -> None:
    kept = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    page.context.add_cookies(kept)
    page.goto("/files")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=/files$"))


def test_a_new_key_is_shown_once_and_works(page: Page, site: Server) -> None:
    page.goto("/keys")
    page.get_by_label("Name").fill("nightly export")
    page.get_by_label("Expires").select_option("in 90 days")
    page.get_by_role("button", name="Generate").click()
    api_key = page.locator("#api-key").inner_text()
    assert re.fullmatch(r"epk_[0-9A-Za-z]{49}", api_key)
    expect(page.get_by_role("region", name="the command")).to_contain_text(
        f"curl --location '{site.endpoint}/api/v1/files'"
    )
    used = site.api(api_key)
    assert used.json("/files") == {"files_list": []}
    assert used.json("/whoami")["scopes"] == ["read", "write"]

    page.goto("/keys")
    assert api_key not in page.content()
    row = page.get_by_role("row", name=re.compile("nightly export"))
    expect(row).to_contain_text("in 90 days")
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page).to_have_url(re.compile(r"/keys$"))
    expect(page.get_by_role("row", name=re.compile("nightly export"))).to_have_count(0)
    assert used.get("/files").status_code == 401


def test_copy_puts_the_whole_key_on_the_clipboard(open_page: OpenPage, person: TestAccount) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, person.admin)
    page.goto("/keys")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    output = page.locator("#api-key").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == output


def test_a_key_without_scopes_is_explained_beside_the_field(page: Page) -> None:
    page.goto("/keys")
    page.get_by_label("Name").fill("useless")
    page.get_by_label("read files").uncheck()
    page.get_by_label("deliver").uncheck()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#scopes-error")).to_have_text("It may: choose at least one.")
    expect(page.get_by_label("Name")).to_have_value("useless")


def test_the_empty_list_of_files_says_how_to_begin(page: Page, site: Server) -> None:
    expect(page.get_by_role("heading", name="No files yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text(f"curl --location '{site.endpoint}/api/v1/files'")


def test_an_upload_is_followed_live_to_its_end(
    page: Page, site: Server, person: TestAccount, stalled: Callable[[], None]
) -> None:
    page.goto("/upload")
    page.get_by_label("Description").fill("What the till sold")
    content = b"id,amount\n1,2\n3,4\n"
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/tasks/[0-9a-f-]{36}$"))
    expect(page.get_by_text("Waiting")).to_be_visible()
    page.evaluate("window.stayed = true")

    [task] = person.api.json("/tasks")["tasks_list"]
    task_id = UUID(task["task_id"])
    database, now = site.parts.database, site.parts.clock()
    database.write(start_task, task_id, "inspecting", now)
    database.write(report_progress, task_id, "inspecting", 9, len(content))
    expect(page.locator("[data-words]")).to_have_text("Inspecting, 50 %")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "9")

    stalled()
    expect(page.get_by_text("Published", exact=True)).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Published")
    assert page.evaluate("window.stayed") is True, "the page came again instead of following"
    page.get_by_role("link", name="Open the file").click()
    expect(page.get_by_role("heading", name="orders.csv")).to_be_visible()
    expect(page.get_by_text("What the till sold")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download", exact=True).click()
    assert downloading.value.suggested_filename == "orders.csv"
    assert downloading.value.path().read_bytes() == content


def test_a_waiting_task_is_canceled(
    page: Page, person: TestAccount, stalled: Callable[[], None]
) -> None:
    task_id = person.api.upload().json()["task_id"]
    page.goto(f"/tasks/{task_id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Canceled", exact=True)).to_be_visible()
    expect(page.get_by_text("Nothing was published")).to_be_visible()
    assert person.api.task(task_id)["status"] == "canceled"


def test_a_rejected_delivery_shows_its_rows(page: Page, person: TestAccount) -> None:
    broken = b"id,amount\n1,2\n2,abc\n1,\n3\n4,5,six\n"
    task = person.api.deliver(broken, enforce_schema=CONTRACT)
    page.goto(f"/tasks/{task['task_id']}")
    expect(page.get_by_text("Rejected", exact=True)).to_be_visible()
    expect(page.get_by_text("The delivery breaks its contract.")).to_be_visible()
    expect(page.locator("[data-words]")).to_contain_text("4 of 5 rows break the contract")
    rows = page.get_by_role("region", name="The first rejected rows").get_by_role("row")
    expect(rows).to_have_count(1 + 4)
    cells = [rows.nth(number).get_by_role("cell").all_inner_texts() for number in range(1, 5)]
    assert cells == [
        [
            "3",
            "3",
            "Line 3, column amount: abc is not a number. Expected a number with a decimal"
            " point, such as 17.50.",
            "2",
            "abc",
            "",
        ],
        [
            "4",
            "4",
            "Line 4, column id: 1 is not unique, line 2 has it too. Expected a value that no"
            " other row has. Line 4, column amount: the cell is empty. Expected a value, such as"
            " 17.50.",
            "1",
            "empty",
            "",
        ],
        [
            "5",
            "5",
            "Line 5, column amount: the cell is empty. Expected a value, such as 17.50."
            " Line 5, column amount: the cell is missing, the row has 1 cell. Expected 2 cells.",
            "3",
            "missing",
            "",
        ],
        [
            "6",
            "6",
            "Line 6, column 3: six is beyond the last column, the row has 3 cells. Expected"
            " 2 cells. Put a cell that contains the delimiter in quotes.",
            "4",
            "5",
            "six",
        ],
    ]
    marked_cells = [rows.nth(number).locator("mark").all_inner_texts() for number in range(1, 5)]
    assert marked_cells == [["abc"], ["1", "empty"], ["missing"], ["six"]]
    expect(page.get_by_text("deliver the whole file again")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Report as JSON").click()
    assert b'"type-error"' in downloading.value.path().read_bytes()
    with page.expect_download(timeout=1_000 * UNHURRIED) as downloading:
        page.get_by_role("link", name="Rejected rows as CSV").click()
    assert downloading.value.suggested_filename == "orders-rejected.csv"
    lines = downloading.value.path().read_text().splitlines()
    assert lines[0] == "_row,_line,_errors,id,amount"
    assert lines[1].startswith('3,3,"Line 3, column `amount`: `abc` is not a number. Expected ')
    assert lines[1].endswith('",2,abc')
    assert len(lines) == 1 + 4


def test_a_wide_table_shows_its_columns_with_errors(page: Page, person: TestAccount) -> None:
    names = [f"c{number}" for number in range(1, 31)]
    contract = {"fields": [{"name": name, "type": "integer"} for name in names]}
    row = ["0"] * 30
    row[16] = row[21] = "oops"
    text = f"{','.join(names)}\n{','.join(row)}\n"
    task = person.api.deliver(text.encode(), enforce_schema=json.dumps(contract))
    page.goto(f"/tasks/{task['task_id']}")
    table = page.get_by_role("region", name="The first rejected rows")
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Row", "Line", "What is wrong", *names[:6], "c17", "c22"]
    assert table.locator("mark").all_inner_texts() == ["oops", "oops"]
    expect(page.get_by_text("8 of 30 columns")).to_be_visible()


def test_a_file_is_only_checked(page: Page, person: TestAccount) -> None:
    page.goto("/upload")
    page.get_by_label("Enforced, as given here: reject deliveries that break it").check()
    page.get_by_label("Table Schema as JSON").fill(CONTRACT)
    page.get_by_label("Only check it, store nothing").check()
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"id,amount\n1,x\n"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Not valid", exact=True)).to_be_visible()
    rows = page.get_by_role("region", name="The first rejected rows").get_by_role("row")
    expect(rows.nth(1).locator("mark")).to_have_text("x")
    expect(page.get_by_text("Nothing was stored")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Report as JSON").click()
    assert b'"type-error"' in downloading.value.path().read_bytes()
    assert person.api.json("/files") == {"files_list": []}
    assert person.api.account()["used"] == 0


def test_the_file_field_is_the_first_and_its_part_the_last(page: Page) -> None:
    """So that people start with it, and the server knows the limits before the bytes."""
    page.goto("/upload")
    first = "form[data-file-last] :is(input, select, textarea)"
    assert page.locator(first).first.get_attribute("name") == "file"
    parts = "[...new FormData(document.forms[document.forms.length - 2]).keys()]"
    assert page.evaluate(parts)[-1] == "file"


def test_a_schema_comes_as_a_file_with_a_dialect(page: Page, person: TestAccount) -> None:
    page.goto("/upload")
    page.get_by_label("Enforced, as given here: reject deliveries that break it").check()
    page.get_by_label("or its file").set_input_files(
        {"name": "s.json", "mimeType": "application/json", "buffer": CONTRACT.encode()}
    )
    page.get_by_text("How to read the file").click()
    page.get_by_label("Table Dialect as JSON").fill('{"delimiter": "|"}')
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"id|amount\n1|2\n"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Published", exact=True)).to_be_visible()
    page.get_by_role("link", name="Open the file").click()
    columns = page.get_by_role("region", name="Columns", exact=True).get_by_role("row")
    expect(columns).to_have_count(1 + 2)
    texts = [row.get_by_role("cell").all_inner_texts()[:4] for row in columns.all()[1:]]
    assert texts == [["1", "id", "integer", "unique"], ["2", "amount", "number", "required"]]
    expect(page.get_by_text("delimiter: pipe")).to_be_visible()
    [file] = person.api.json("/files")["files_list"]
    result = person.api.json(f"/file/{file['file_id']}")
    assert result["schema"] == json.loads(CONTRACT)
    assert result["table_dialect"]["delimiter"] == "|"


def test_a_wrong_schema_is_told_beside_it_and_kept(page: Page, person: TestAccount) -> None:
    page.goto("/upload")
    page.get_by_label("Description").fill("What the till sold")
    page.get_by_label("Enforced, as given here: reject deliveries that break it").check()
    page.get_by_label("Table Schema as JSON").fill('{"fields": [{"name": "a", "type": "intger"}]}')
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"a\n1\n"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#schema-error")).to_contain_text("/fields/0/type")
    expect(page.get_by_label("Table Schema as JSON")).to_have_value(re.compile("intger"))
    expect(
        page.get_by_label("Enforced, as given here: reject deliveries that break it")
    ).to_be_checked()
    expect(page.get_by_label("Description")).to_have_value("What the till sold")
    page.get_by_label("Not enforced: publish every delivery").check()
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"a\n1\n"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#schema-error")).to_contain_text("is not the choice above")
    assert person.api.json("/files") == {"files_list": []}


def test_revisions_say_what_they_changed(page: Page, person: TestAccount) -> None:
    task = person.api.deliver(enforce_schema=CONTRACT)
    schema = json.loads(CONTRACT)
    schema["fields"][0]["constraints"] = {"unique": True, "maximum": 10}
    path = f"/file/{task['file_id']}/schema?breaking=accept"
    accepted = person.api.request("PUT", path, json=schema).json()
    changed = person.api.wait_task(accepted["task_id"])
    assert changed["status"] == "succeeded"
    page.goto(f"/tasks/{changed['task_id']}")
    expect(page.get_by_text("Changed", exact=True)).to_be_visible()
    page.goto(f"/files/{task['file_id']}")
    newest, first = page.locator(".revisions > li").all()
    expect(newest).to_contain_text("Revision 2 Breaking")
    expect(newest.get_by_role("listitem")).to_have_text(
        re.compile("Breaking: id: maximum none → 10")
    )
    expect(first).to_contain_text(f"Revision 1 given by {person.admin.user_name}")
    with page.expect_download() as downloading:
        first.get_by_role("link", name="JSON").click()
    assert json.loads(downloading.value.path().read_text()) == json.loads(CONTRACT)


def test_names_of_others_are_text_and_nothing_else(page: Page, person: TestAccount) -> None:
    name = "<img src=x onerror='window.hurt=1'>{{7*7}}.csv"
    task = person.api.deliver(name=name, file_description="<script>window.hurt=1</script>")
    for path in ("/files", f"/files/{task['file_id']}", "/tasks", f"/tasks/{task['task_id']}"):
        page.goto(path)
        expect(page.get_by_text(name).first).to_be_visible()
        assert page.evaluate("window.hurt") is None
    assert page.locator("main img, main script").count() == 0


def test_a_file_is_shared_and_taken_back(
    open_page: OpenPage, page: Page, person: TestAccount, site: Server, password_hash: str
) -> None:
    file_id = person.api.deliver(CSV, enforce_schema="true")["file_id"]
    supplier = site.new_account().admin
    give_password(site, supplier, password_hash)
    page.goto(f"/files/{file_id}")
    page.get_by_label("User", exact=True).fill("nobody:nobody")
    page.get_by_role("button", name="Share").click()
    expect(page.locator("#user_name-error")).to_contain_text("There is no user")
    page.get_by_label("User", exact=True).fill(supplier.user_name)
    page.get_by_label("They may").select_option("w")
    page.get_by_label("Ends").select_option("30")
    page.get_by_role("button", name="Share").click()
    table = page.get_by_role("region", name="Whom the file is shared with")
    expect(table).to_contain_text(supplier.user_name)
    expect(table.get_by_role("cell", name="deliver", exact=True)).to_be_visible()

    box = open_page()
    sign_in(box, supplier)
    box.get_by_role("link", name="orders.csv").click()
    expect(box.get_by_role("status")).to_contain_text("You may deliver to this file")
    expect(box.get_by_role("heading", name="Schema")).to_be_visible()
    for name in ("Sharing", "Profile", "Report"):
        expect(box.get_by_role("heading", name=name)).to_have_count(0)
    expect(box.get_by_role("link", name="Download")).to_have_count(0)
    assert deliver(supplier, file_id, b"id,amount\nx,2\n")["status"] == "failed"
    box.reload()
    expect(box.get_by_role("heading", name="Report on version 2")).to_be_visible()
    expect(box.get_by_role("heading", name="Profile")).to_have_count(0)

    page.get_by_role("button", name=f"Revoke what {supplier.user_name} may do").click()
    expect(table).to_have_count(0)
    box.reload()
    expect(box.get_by_role("heading", name="Not found")).to_be_visible()


def test_the_theme_follows_the_system_and_the_switch(open_page: OpenPage) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = open_page(color_scheme="light")
    light.goto("/sign-in")
    dark = open_page(color_scheme="dark")
    dark.goto("/sign-in")
    in_light, in_dark = light.evaluate(ground), dark.evaluate(ground)
    assert in_light != in_dark
    light.get_by_text("Dark", exact=True).click()
    expect(light.locator("html")).to_have_css("background-color", in_dark)
    expect(light).to_have_url(re.compile("/sign-in$"))
    dark.get_by_text("Light", exact=True).click()
    expect(dark.locator("html")).to_have_css("background-color", in_light)
    dark.get_by_text("Auto", exact=True).click()
    expect(dark.locator("html")).to_have_css("background-color", in_dark)


def test_many_files_come_in_pages(page: Page, person: TestAccount) -> None:
    tasks = [
        person.api.upload(name=f"part_{number:03}.csv").json()["task_id"] for number in range(52)
    ]
    newest = f"/file/{person.api.task(tasks[-1])['file_id']}"
    assert person.api.request("PATCH", newest, json={"path": "parts/51"}).status_code == 200
    page.goto("/files")
    expect(page.get_by_role("row")).to_have_count(1 + 50)
    expect(page.get_by_role("row").nth(1)).to_contain_text("part_051.csv")
    for path in ("/tasks", "/activity", "/files"):
        page.goto(path)
        expect(page.get_by_role("row").filter(has_text="parts/51").first).to_be_visible()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("row")).to_have_count(1 + 2)
    expect(page.get_by_role("row").nth(2)).to_contain_text("part_000.csv")
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_role("row")).to_have_count(1 + 50)
    for task_id in tasks:
        person.api.wait_task(task_id)


def test_the_profile_is_shown_and_forms_can_be_had(page: Page, person: TestAccount) -> None:
    """A form that is not there yet reloads by itself until the browser gets it."""
    rows = "".join(f"{n},{'abc'[n % 3]},{n * n}\n" for n in range(60))
    task = person.api.deliver(f"id,kind,square\n{rows}".encode(), name="squares.csv")
    profile = f"/file/{task['file_id']}/profile"
    wait_until(
        lambda: not person.api.json(profile)["columns_pending"],
        "the profile is measured",
        UNHURRIED,
    )
    page.goto(f"/files/{task['file_id']}")
    table = page.get_by_role("region", name="Profile of the columns")
    kind = table.get_by_role("row").filter(has_text="kind")
    assert "may be an enum of 3" in kind.inner_text()
    assert "33.3 %" in kind.inner_text()
    assert "may be a key" in table.get_by_role("row").filter(has_text="id").first.inner_text()
    chart = table.get_by_role("img").last
    assert "of 20 equal parts" in str(chart.get_attribute("aria-label"))
    with page.expect_download(timeout=1_000 * UNHURRIED) as download:
        page.get_by_role("link", name="JSON Lines").click()
    assert download.value.suggested_filename == "squares.jsonl"
    lines = Path(download.value.path()).read_text().splitlines()
    assert (len(lines), lines[2]) == (60, '{"id":2,"kind":"c","square":4}')


def test_the_account_says_what_fills_it(page: Page, person: TestAccount) -> None:
    person.api.deliver(CSV, name="small.csv")
    person.api.deliver(CSV * 50, name="large.csv")
    page.get_by_role("link", name="Account").click()
    used = person.api.account()["used"]
    for what in ("Used", "Current versions"):
        fact = page.locator("dl.facts > div").filter(has=page.get_by_text(what, exact=True))
        expect(fact.locator(f'dd data[value="{used}"]')).to_be_visible()
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("large.csv")
    expect(rows.nth(2)).to_contain_text("small.csv")
