"""What one may change of a file on the pages, and have back; all of it without scripts."""

import json

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage, assert_accessible, give_password, sign_in
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}


def test_settings_are_changed(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Settings").click()
    plain.get_by_label("Name", exact=True).fill("Größen <b>.csv")
    plain.get_by_label("Description").fill("First line\nsecond")
    plain.get_by_label("Size limit").fill("2000")
    plain.get_by_label("Which").select_option("keep_last")
    plain.get_by_label("How many").fill("3")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("heading", name="Größen <b>.csv")).to_be_visible()
    expect(plain.get_by_text("the newest 3", exact=True)).to_be_visible()
    result = person.api.json(f"/file/{file_id}")
    assert result["file_description"] == "First line\nsecond"
    assert (result["file_size_limit"], result["retention"]) == (2000, {"keep_last": 3})
    plain.get_by_role("link", name="Settings").click()
    plain.get_by_label("Which").select_option("")
    plain.get_by_role("button", name="Save").click()
    plain.wait_for_url(f"**/files/{file_id}")
    assert person.api.json(f"/file/{file_id}")["retention"] is None


@pytest.mark.parametrize(
    ("label", "text", "field", "output"),
    [
        ("Name", "a/b.csv", "file_name", "must not contain path separators"),
        ("Description", "x" * 10_001, "file_description", "it has 10,001"),
        ("Size limit", "3", "file_size_limit", "the current one, has 18 bytes"),
        ("Size limit", "1e9", "file_size_limit", "is not a size"),
        ("How many", "0", "keep_number", "from 1 to 36,500"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    plain: Page, person: TestAccount, label: str, text: str, field: str, output: str
) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    before = person.api.json(f"/file/{file_id}")
    plain.goto(f"/files/{file_id}/settings")
    plain.get_by_label("Which").select_option("days")
    plain.get_by_label("How many").fill("7")
    plain.get_by_label(label, exact=True).fill(text)
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator(f"#{field}-error")).to_contain_text(output)
    expect(plain.get_by_label(label, exact=True)).to_have_value(text)
    expect(plain.get_by_role("alert")).to_contain_text(output)
    assert person.api.json(f"/file/{file_id}") == before


def test_a_file_is_deleted_and_had_back(
    plain: Page, open_page: OpenPage, person: TestAccount, site: Server, password_hash: str
) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    reader = person.new_user()
    share(person.api, file_id, reader.user_name, "r")
    plain.goto(f"/files/{file_id}/settings")
    plain.get_by_label("The file's name").fill("order.csv")
    plain.get_by_role("button", name="Delete the file").click()
    expect(plain.locator("#confirm-error")).to_contain_text("Nothing was deleted")
    assert person.api.get(f"/file/{file_id}").status_code == 200
    plain.get_by_label("The file's name").fill("orders.csv")
    plain.get_by_role("button", name="Delete the file").click()
    expect(plain.get_by_role("heading", name="orders.csv")).to_contain_text("Deleted")
    assert person.api.get(f"/file/{file_id}").status_code == 404
    give_password(site, reader, password_hash)
    other = open_page()
    sign_in(other, reader)
    for path in (f"/files/{file_id}", f"/files/{file_id}/deleted"):
        answer = other.goto(path)
        assert answer is not None
        assert answer.status == 404
    plain.goto("/activity")
    plain.get_by_role("row", name="Deleted").get_by_role("link").click()
    plain.get_by_role("button", name="Undo the deletion").click()
    expect(plain.get_by_role("heading", name="Versions")).to_be_visible()
    assert reader.api.get(f"/file/{file_id}").status_code == 200
    answer = plain.goto(f"/files/{file_id}/deleted")
    assert answer is not None
    assert answer.status == 404


def test_a_version_is_deleted_and_had_back(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    deliver(person.api, file_id)
    plain.goto(f"/files/{file_id}")
    expect(plain.get_by_role("button", name="Delete version 2")).to_have_count(0)
    plain.get_by_role("button", name="Delete version 1").click()
    expect(plain.get_by_text("can be undone until")).to_be_visible()
    path = f"/file/{file_id}/versions/1"
    assert person.api.json(path)["status"] == "deleted"
    plain.get_by_role("button", name="Undo the deletion of version 1").click()
    expect(plain.get_by_role("button", name="Delete version 1")).to_be_visible()
    assert person.api.json(path)["status"] == "published"


def test_a_file_is_handed_over(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    taker = person.new_user()
    plain.goto(f"/files/{file_id}/settings")
    plain.get_by_label("New owner").fill("nobody:nobody")
    plain.get_by_role("button", name="Hand over").click()
    expect(plain.locator("#user_name-error")).to_contain_text("not a user of the account")
    plain.get_by_label("New owner").fill(taker.user_name)
    plain.get_by_role("button", name="Hand over").click()
    expect(plain.get_by_role("heading", name="orders.csv")).to_be_visible()
    assert taker.api.json(f"/file/{file_id}")["user_name"] == taker.user_name


def test_a_member_who_hands_a_file_over_sees_it_no_more(
    open_page: OpenPage, person: TestAccount, site: Server, password_hash: str
) -> None:
    member = person.new_user()
    give_password(site, member, password_hash)
    file_id = member.api.deliver(CSV)["file_id"]
    page = open_page()
    sign_in(page, member)
    page.goto(f"/files/{file_id}/settings")
    page.get_by_label("New owner").fill(person.admin.user_name)
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_role("heading", name="No files yet")).to_be_visible()
    assert person.api.json(f"/file/{file_id}")["user_name"] == person.admin.user_name


def test_a_schema_is_changed(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV, enforce_schema=json.dumps(SCHEMA))["file_id"]
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Change", exact=True).click()
    text = plain.get_by_label("Table Schema as JSON")
    assert json.loads(text.input_value())["fields"] == SCHEMA["fields"]
    text.fill('{"fields": [{"name": "id", "type": "colour"}]}')
    plain.get_by_role("button", name="Check it").click()
    expect(plain.locator("#schema-error")).to_contain_text("/fields/0/type")
    first, second = SCHEMA["fields"]
    narrow = {"fields": [first, {**second, "constraints": {"maximum": 9}}]}
    text.fill(json.dumps(narrow))
    plain.get_by_role("button", name="Check it").click()
    expect(plain.get_by_text("The new schema has breaking changes")).to_be_visible()
    expect(plain.get_by_text("Breaking:")).to_be_visible()
    plain.get_by_label("Change it anyway").check()
    plain.get_by_role("button", name="Check it").click()
    expect(plain.get_by_text("The file has the new schema now")).to_be_visible()
    result = person.api.json(f"/file/{file_id}/schema")["schema"]
    assert result["fields"][1]["constraints"] == {"maximum": 9}


def test_what_was_inferred_becomes_the_contract(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Make it the contract").click()
    plain.get_by_role("button", name="Check it").click()
    expect(plain.get_by_text("deliveries that break the schema are rejected")).to_be_visible()
    plain.get_by_label("Change it anyway").check()
    plain.get_by_role("button", name="Check it").click()
    expect(plain.get_by_text("The file has the new schema now")).to_be_visible()
    assert person.api.json(f"/file/{file_id}")["enforce_schema"] is True


def test_who_may_only_deliver_changes_nothing(
    open_page: OpenPage, site: Server, person: TestAccount, password_hash: str
) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    deliver(person.api, file_id)
    partner = site.new_account()
    give_password(site, partner.admin, password_hash)
    share(person.api, file_id, partner.admin.user_name, "rw")
    page = open_page()
    sign_in(page, partner.admin)
    page.goto(f"/files/{file_id}")
    for name in ("Settings", "Change", "Make it the contract"):
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Delete version 1")).to_have_count(0)
    before = person.api.json(f"/file/{file_id}")
    for path in ("settings", "schema"):
        answer = page.goto(f"/files/{file_id}/{path}")
        assert answer is not None
        assert answer.status == 403
    own = {"Origin": site.endpoint, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    form = {"file_name": "x", "file_size_limit": "9", "user_name": partner.admin.user_name}
    for path in ("settings", "owner", "delete", "versions/1/delete", "versions/1/undelete"):
        url = f"/files/{file_id}/{path}"
        assert page.request.post(url, form=form, headers=own).status == 403, path
    schema = {"schema": json.dumps(SCHEMA)}
    assert page.request.post(f"/files/{file_id}/schema", form=schema, headers=own).status == 403
    assert person.api.json(f"/file/{file_id}") == before


def test_refused_forms_are_accessible(page: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV, enforce_schema=json.dumps(SCHEMA))["file_id"]
    page.goto(f"/files/{file_id}/settings")
    page.get_by_label("Size limit").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    page.goto(f"/files/{file_id}/schema")
    page.get_by_label("Table Schema as JSON").fill('{"fields": [{"name": "id"}]}')
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_label("Change it anyway")).to_be_visible()
    assert_accessible(page)
