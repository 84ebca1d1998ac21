"""The rows of a file on their page, by a person with and without scripts."""

from playwright.sync_api import Page, expect
from tests.e2e.conftest import OpenPage, sign_in
from tests.support.server import Server, TestAccount

ROWS = b"id,city,amount\n" + b"".join(
    b"%d,%s,%d.5\n" % (n, (b"Kiel", b"Ulm")[n % 2], n * 7 % 90) for n in range(120)
)


def expect_first_cells(page: Page, *texts: str) -> None:
    """Wait until the first row begins with these cells: after a click the page comes bit by bit."""
    cells = page.locator("table.rows tbody tr:first-child td")
    expect(cells).to_have_count(4)
    for number, text in enumerate(texts):
        expect(cells.nth(number)).to_have_text(text)


def test_rows_are_sorted_filtered_and_paged_without_scripts(
    open_page: OpenPage, site: Server, person: TestAccount
) -> None:
    person.api.deliver(ROWS, enforce_schema="true")
    site.wait_derived()
    page = open_page(java_script_enabled=False)
    sign_in(page, person.admin)
    page.get_by_role("link", name="orders.csv").click()
    page.get_by_role("link", name="Preview").click()
    expect_first_cells(page, "2", "0", "Kiel", "0.5")
    page.get_by_role("link", name="Next rows").click()
    expect_first_cells(page, "52", "50")
    page.get_by_role("link", name="Previous rows").click()
    expect_first_cells(page, "2", "0")
    page.get_by_label("Go to row").fill("121")
    page.get_by_role("button", name="Show").click()
    expect_first_cells(page, "121", "119")
    page.get_by_label("Filter").fill("city = 'Ulm' AND id > 3")
    page.get_by_role("button", name="Show").click()
    expect_first_cells(page, "7", "5", "Ulm", "35.5")
    for order in ("ascending", "descending"):
        page.get_by_role("link", name="amount").click()
        head = page.get_by_role("columnheader", name="amount")
        expect(head).to_have_attribute("aria-sort", order)
    first = page.locator("table.rows tbody tr:first-child td")
    expect(first.nth(2)).to_have_text("Ulm")
    expect(first.nth(3)).to_have_text("89.5")
    page.get_by_label("Filter").fill("city = Ulm")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("Filter: there is no column 'Ulm'")
    expect(page.get_by_label("Filter")).to_have_value("city = Ulm")
    page.get_by_role("link", name="All rows in their order").first.click()
    expect_first_cells(page, "2", "0")


def test_what_is_no_table_has_no_rows(page: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(b"%PDF-1.4\n" + bytes(range(256)), name="scan.pdf")["file_id"]
    answer = page.goto(f"/files/{file_id}/preview")
    assert answer is not None
    assert answer.status == 422
    expect(page.get_by_role("heading", name="This is not a table")).to_be_visible()
    expect(page.get_by_label("Filter")).to_have_count(0)
    expect(page.get_by_role("link", name="Download it")).to_be_visible()
