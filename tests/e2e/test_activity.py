"""The pages of activity: what was done and read, in words; and as a file to keep."""

from pathlib import Path

from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage, give_password, sign_in
from tests.support.api import CSV
from tests.support.older_words import use_older_words
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver


def test_what_happened_to_a_file(page: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(CSV)["file_id"]
    person.api.request("PATCH", f"/file/{file_id}", json={"file_description": "<b>New</b>"})
    page.goto(f"/files/{file_id}")
    page.locator("section[aria-labelledby=activity]").get_by_role("link", name="All of it").click()
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Changed")
    expect(rows.nth(1)).to_contain_text("to “<b>New</b>”")
    expect(rows.nth(1)).to_contain_text(person.admin.user_name)
    expect(rows.nth(1)).to_contain_text("127.0.0.1")
    expect(rows.nth(2)).to_contain_text("Published")
    with page.expect_download() as kept:
        page.get_by_role("link", name="All as CSV").click()
    assert Path(kept.value.path()).read_text().count("\n") == 4


def test_rejections_of_now_and_of_older_releases_read_alike(
    page: Page, site: Server, person: TestAccount
) -> None:
    file_id = person.api.deliver(CSV, enforce_schema="true")["file_id"]
    deliver(person.api, file_id, b"other\n1\n")
    use_older_words(site, file_id)
    deliver(person.api, file_id, b"other\n1\n")
    page.goto(f"/files/{file_id}/activity")
    rows = page.get_by_role("row").filter(has_text="breaks its contract")
    expect(rows).to_have_count(2)
    for row in rows.all():
        expect(row.locator(".badge-bad")).to_have_text("Rejected")


def test_others_see_what_they_did(
    open_page: OpenPage, site: Server, person: TestAccount, password_hash: str
) -> None:
    member = person.new_user()
    give_password(site, member, password_hash)
    file_id = person.api.deliver(CSV)["file_id"]
    member.api.deliver(CSV)
    page = open_page()
    sign_in(page, member)
    page.get_by_role("link", name="Activity").click()
    expect(page.get_by_role("heading", name="Your activity")).to_be_visible()
    # Their own delivery and sign-in, and not what others delivered.
    expect(page.get_by_role("row").get_by_role("link", name="orders.csv")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text=person.admin.user_name)).to_have_count(0)
    answer = page.goto(f"/files/{file_id}/activity")
    assert answer is not None
    assert answer.status == 404
