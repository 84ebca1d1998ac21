"""Every act works without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage, sign_in
from tests.support.server import Server, TestAccount


@pytest.fixture
def plain(open_page: OpenPage, person: TestAccount) -> Page:
    """A signed-in page of a browser that runs no scripts."""
    page = open_page(java_script_enabled=False)
    sign_in(page, person.admin)
    page.wait_for_url("**/files")
    return page


def test_an_upload_is_followed_by_a_page_that_comes_again(
    plain: Page, stalled: Callable[[], None]
) -> None:
    plain.goto("/upload")
    plain.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"id,amount\n1,2\n"}
    )
    plain.get_by_role("button", name="Upload").click()
    expect(plain.get_by_text("Waiting")).to_be_visible()
    stalled()
    expect(plain.get_by_text("Published")).to_be_visible()


def test_a_task_is_canceled(plain: Page, person: TestAccount, stalled: Callable[[], None]) -> None:
    plain.goto(f"/tasks/{person.api.upload().json()['task_id']}")
    plain.get_by_role("button", name="Cancel").click()
    expect(plain.get_by_text("Canceled", exact=True)).to_be_visible()


def test_a_key_is_made_and_revoked(plain: Page, site: Server) -> None:
    plain.goto("/keys")
    plain.get_by_role("button", name="Generate").click()
    api_key = plain.locator("#api-key").inner_text()
    assert site.api(api_key).get("/files").status_code == 200
    expect(plain.get_by_role("button", name="Copy the key")).to_be_hidden()
    plain.get_by_role("row", name=re.compile("unnamed")).get_by_role("link").click()
    plain.get_by_role("button", name="Revoke").click()
    expect(plain.get_by_text("unnamed")).to_have_count(0)
    assert site.api(api_key).get("/files").status_code == 401


def test_an_upload_that_is_too_large_says_so(plain: Page) -> None:
    plain.goto("/upload")
    plain.get_by_label("Size limit").fill("10")
    plain.get_by_label("File", exact=True).set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"id,amount\n1,2\n"}
    )
    plain.get_by_role("button", name="Upload").click()
    expect(plain.get_by_role("alert")).to_contain_text("Nothing was stored")
    plain.goto("/files")
    expect(plain.get_by_role("heading", name="No files yet")).to_be_visible()


def test_theme_and_sign_out(plain: Page) -> None:
    plain.get_by_role("button", name="Dark").click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    plain.get_by_role("button", name="Sign out").click()
    expect(plain).to_have_url(re.compile(r"/sign-in$"))
