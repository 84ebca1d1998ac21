"""Links for guests as people use them: made on a page, opened without an account."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage
from tests.support.api import CSV
from tests.support.links import listed_links, make_link
from tests.support.server import Server, TestAccount

SCHEMA = '{"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}'
BROKEN = b"id,amount\n1,2\n3,x\n"
PASSWORD = "violet harbour eleven kites"


def contract(account: TestAccount) -> str:
    return str(account.api.deliver(CSV, name="orders.csv", enforce_schema=SCHEMA)["file_id"])


def attached(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def test_an_owner_makes_a_link_and_a_guest_delivers_a_correction(
    page: Page, person: TestAccount, open_page: OpenPage
) -> None:
    file_id = contract(person)
    page.goto(f"/files/{file_id}")
    page.get_by_role("link", name="Links for guests").click()
    page.get_by_label("to deliver to it").check()
    page.get_by_label("Name (optional)").fill("Supplier")
    page.get_by_label("Uses (optional)").fill("some")
    page.get_by_role("button", name="Make the link").click()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.get_by_label("Uses (optional)")).to_be_focused()
    expect(page.get_by_label("to deliver to it")).to_be_checked()
    page.get_by_label("Uses (optional)").fill("1")
    page.get_by_role("button", name="Make the link").click()
    address = page.get_by_role("region", name="the link for people").inner_text().strip()
    guest = open_page(java_script_enabled=False)
    guest.goto(address)
    expect(guest.get_by_role("heading", name="Deliver orders.csv")).to_be_visible()
    expect(guest.get_by_text("for 1 more delivery")).to_be_visible()
    guest.get_by_label("File").set_input_files(attached("mine.csv", BROKEN))  # type: ignore[arg-type]
    guest.get_by_role("button", name="Deliver").click()
    expect(guest.get_by_text("is not an integer").first).to_be_visible()
    expect(guest.get_by_role("link", name="Report as JSON")).to_be_visible()
    guest.get_by_label("File").set_input_files(attached("mine.csv", CSV))  # type: ignore[arg-type]
    guest.get_by_role("button", name="Deliver").click()
    expect(guest.get_by_text("It was published.")).to_be_visible()
    expect(guest.get_by_text("This link is used up")).to_be_visible()
    guest.goto(address)
    expect(guest.get_by_text("The link does not work any more")).to_be_visible()
    page.goto(f"/files/{file_id}/links")
    expect(page.get_by_text("Used up")).to_be_visible()
    page.get_by_role("link", name="Revoke Supplier").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The link was revoked.")).to_be_visible()
    assert listed_links(person.api, file_id) == []


def test_a_guest_downloads_with_a_password(
    person: TestAccount, site: Server, open_page: OpenPage
) -> None:
    file_id = contract(person)
    link = make_link(person.api, file_id, "read", password=PASSWORD, max_uses=1)
    refused = open_page()
    refused.goto(f"{site.endpoint}/l/epl_nothing")
    expect(refused.get_by_role("heading", name="Not found")).to_be_visible()
    credentials = {"username": "", "password": PASSWORD}
    guest = open_page(http_credentials=credentials)
    guest.goto(link["path"].rpartition("/")[0])
    expect(guest.get_by_role("heading", name="orders.csv")).to_be_visible()
    assert listed_links(person.api, file_id)[0]["uses"] == 0
    with guest.expect_download() as download:
        guest.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "orders.csv"
    assert download.value.path().read_bytes() == CSV
    assert listed_links(person.api, file_id)[0]["uses"] == 1
    # The page from before the download, and then the page itself.
    guest.get_by_role("link", name="Download").click()
    expect(guest.get_by_role("heading", name="The link does not work any more")).to_be_visible()
    guest.goto(link["path"].rpartition("/")[0])
    expect(guest.get_by_role("heading", name="The link does not work any more")).to_be_visible()
    assert "revoked or used up" in guest.get_by_role("main").inner_text()


def test_wrong_fields_of_the_form_are_named(page: Page, person: TestAccount) -> None:
    page.goto(f"/files/{contract(person)}/links")
    for label, value, reason in (
        ("Version to read", "7", "is not a version of the file."),
        ("Version to read", "x", "number of a version"),
        ("Password", "123456789012", "easy to guess"),
    ):
        page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Make the link").click()
        expect(page.get_by_label(label)).to_be_focused()
        expect(page.get_by_role("alert")).to_contain_text(label)
        expect(page.locator(".field-error")).to_contain_text(re.compile(reason, re.I))
        page.get_by_label(label).fill("")


@pytest.mark.parametrize("kind", ["read", "deliver"])
def test_long_words_do_not_widen_the_page_of_a_link(
    person: TestAccount, site: Server, open_page: OpenPage, kind: str
) -> None:
    described = {"file_description": f"First line\n{'d' * 500}"}
    name = f"{'n' * 200}.csv"
    file_id = person.api.deliver(CSV, name=name, **described)["file_id"]
    link = make_link(person.api, file_id, kind)
    guest = open_page(viewport={"width": 390, "height": 844})
    path = link["path"]
    guest.goto(path if kind == "deliver" else path.rpartition("/")[0])
    expect(guest.get_by_text("First line")).to_have_css("white-space", re.compile("pre"))
    assert guest.evaluate("document.documentElement.scrollWidth <= innerWidth")
