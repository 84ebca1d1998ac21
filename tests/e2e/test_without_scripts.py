"""Every act works without JavaScript."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from playwright.sync_api import Page, expect
from sqlalchemy import insert
from tests.e2e.conftest import OpenPage, give_password, sign_in
from tests.support.paused_inspections import fail_inspection
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

from entrepot.db.tables import files, offers
from entrepot.db.types import WriteConnection


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
    expect(plain.get_by_text("Published", exact=True)).to_be_visible()


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
    expect(plain.get_by_text("Nothing was stored")).to_be_visible()
    plain.goto("/files")
    expect(plain.get_by_role("heading", name="No files yet")).to_be_visible()


def test_the_theme_keeps_what_is_typed(plain: Page) -> None:
    """The colours change where they are chosen; with the button, other pages have them too."""
    plain.goto("/upload")
    plain.get_by_label("Description").fill("typed")
    plain.get_by_text("Dark", exact=True).click()
    expect(plain.locator("html")).to_have_css("color-scheme", "dark")
    with plain.expect_response("**/theme") as answer:
        plain.get_by_role("button", name="Keep these colours").click()
    assert answer.value.status == 204
    expect(plain.get_by_label("Description")).to_have_value("typed")
    plain.goto("/keys")
    expect(plain.locator("html")).to_have_css("color-scheme", "dark")
    plain.get_by_text("Auto", exact=True).click()
    expect(plain.locator("html")).to_have_css("color-scheme", "light dark")


def test_sign_out(plain: Page) -> None:
    plain.get_by_role("button", name="Sign out").click()
    expect(plain).to_have_url(re.compile(r"/sign-in$"))
    expect(plain.get_by_role("status")).to_have_text("You are signed out.")


def test_a_rejected_delivery_is_corrected_and_one_is_accepted(
    plain: Page, person: TestAccount
) -> None:
    api = person.api
    file_id = api.deliver(b"id,amount\n1,2\n", enforce_schema="true")["file_id"]
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Deliver a version").click()
    _deliver(plain, b"id,amount\n1,two\n")
    expect(plain.get_by_text("Rejected", exact=True)).to_be_visible()
    rejected_page = plain.url
    state = plain.get_by_text("Readers get version 1. The rejected delivery is kept for its sender")
    expect(state).to_be_visible()
    expect(plain.get_by_role("link", name="Page of the file")).to_be_visible()
    expect(plain.get_by_role("link", name="Download the delivery")).to_be_visible()
    plain.get_by_role("link", name="Deliver a correction").click()
    expect(plain.get_by_role("heading", name="Correct version 2")).to_be_visible()
    _deliver(plain, b"id,amount\n1,2\n3,4\n")
    expect(plain.get_by_text("Published: readers get version 3 now.")).to_be_visible()
    plain.goto(rejected_page)
    text = "Corrected by version 3. The bytes of this delivery were removed."
    expect(plain.get_by_text(text)).to_be_visible()
    expect(plain.get_by_role("heading", name="What to do")).to_have_count(0)
    rejected = api.post(f"/file/{file_id}/versions", files={"file": ("x.csv", b"id,amount\n1,b\n")})
    task_id = rejected.json()["task_id"]
    assert api.wait_task(task_id)["status"] == "failed"
    plain.goto(f"/tasks/{task_id}")
    plain.get_by_text("Accept it anyway").click()
    plain.get_by_label("Why").fill("It is only a test.")
    plain.get_by_role("button", name="Publish it as it is").click()
    expect(plain.get_by_text("as an exception")).to_be_visible()
    accepted_page = plain.url
    plain.goto(f"/tasks/{task_id}")
    expect(plain.get_by_text("Accepted anyway as version 5.")).to_be_visible()
    plain.goto(accepted_page)
    plain.get_by_role("link", name="Open the file").click()
    expect(plain.get_by_text("It is only a test.").first).to_be_visible()
    plain.get_by_role("button", name="Restore version 1").click()
    expect(plain.get_by_text("readers get version 6 now")).to_be_visible()
    assert api.get(f"/file/download/{file_id}").content == b"id,amount\n1,2\n"


def test_a_supplier_does_not_learn_what_became_of_a_rejected_delivery(
    open_page: OpenPage, site: Server, person: TestAccount, password_hash: str
) -> None:
    file_id = person.api.deliver(b"id,amount\n1,2\n", enforce_schema="true")["file_id"]
    supplier = site.new_account().admin
    give_password(site, supplier, password_hash)
    share(person.api, file_id, supplier.user_name, "w")
    task = deliver(supplier, file_id, b"id,amount\n1,two\n")
    plain = open_page(java_script_enabled=False)
    sign_in(plain, supplier)
    plain.goto(f"/tasks/{task['task_id']}")
    expect(plain.get_by_text("Readers do not get this delivery.")).to_be_visible()
    expect(plain.get_by_text("ask the owner of the file for another schema")).to_be_visible()
    reason = {"reason": "It is only a test."}
    accepted = person.api.post(f"/file/{file_id}/versions/2/accept", json=reason).json()
    assert person.api.wait_task(accepted["task_id"])["status"] == "succeeded"
    plain.reload()
    expect(plain.get_by_text("Its bytes are not kept any more.")).to_be_visible()
    expect(plain.get_by_text("Accepted anyway")).to_have_count(0)


def test_a_delivery_that_could_not_be_inspected_is_delivered_again_or_accepted(
    plain: Page, site: Server, person: TestAccount
) -> None:
    file_id = person.api.deliver(b"id,amount\n1,2\n", enforce_schema="true")["file_id"]
    task = fail_inspection(site, person.api, file_id, b"id,amount\n3,4\n")
    plain.goto(f"/files/{file_id}")
    expect(plain.get_by_role("row").nth(1)).to_contain_text("Failed")
    plain.get_by_role("link", name="Why version 2 was not inspected").click()
    expect(plain).to_have_url(re.compile(f"/tasks/{task['task_id']}$"))
    expect(plain.get_by_text("This is a fault of the server")).to_be_visible()
    expect(plain.get_by_text("the delivery is kept for its sender for 7 days")).to_be_visible()
    expect(plain.get_by_role("link", name="Download the delivery")).to_be_visible()
    expect(plain.get_by_role("link", name="Deliver a correction")).to_be_visible()
    plain.get_by_text("Accept it anyway").click()
    expect(plain.get_by_text("It is inspected again")).to_be_visible()
    plain.get_by_label("Why").fill("It is needed today.")
    plain.get_by_role("button", name="Publish it as it is").click()
    expect(plain.get_by_text("as an exception")).to_be_visible()


def test_a_delivery_that_is_too_large_says_so(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(b"id,amount\n1,2\n", limit=20)["file_id"]
    plain.goto(f"/files/{file_id}/deliver")
    _deliver(plain, b"id,amount\n1,2\n3,4\n5,6\n")
    expect(plain.get_by_text("Nothing was stored")).to_be_visible()
    assert len(person.api.json(f"/file/{file_id}/versions")["versions_list"]) == 1


def _deliver(page: Page, content: bytes) -> None:
    chosen = {"name": "next.csv", "mimeType": "text/csv", "buffer": content}
    page.get_by_label("File", exact=True).set_input_files(chosen)  # type: ignore[arg-type]
    page.get_by_role("button", name="Deliver").click()


def test_two_versions_are_compared(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(b"id,amount\n1,2\n3,4\n")["file_id"]
    deliver(person.api, file_id, b"id,amount\n1,2\n3,40\n5,6\n")
    plain.goto(f"/files/{file_id}")
    plain.get_by_text("Compare two versions").click()
    plain.get_by_label("Key", exact=True).fill("id")
    plain.get_by_role("button", name="Compare them").click()
    expect(plain.get_by_role("region", name="Rows changed")).to_contain_text("amount: 4 → 40")
    expect(plain.get_by_role("region", name="Rows added")).to_contain_text("id=5, amount=6")
    plain.goto(f"/files/{file_id}")
    plain.get_by_text("Compare two versions").click()
    plain.get_by_label("Earlier version").fill("x")
    plain.get_by_label("Key", exact=True).fill("id")
    plain.get_by_role("button", name="Compare them").click()
    expect(plain).to_have_title(re.compile("^Error: "))
    expect(plain.get_by_role("alert")).to_contain_text(
        "Earlier version must be the number of a version"
    )
    expect(plain.get_by_label("Key", exact=True)).to_have_value("id")
    plain.get_by_label("Earlier version").fill("99")
    plain.get_by_role("button", name="Compare them").click()
    expect(plain.get_by_role("alert")).to_contain_text("one of the two versions is not there")
    expect(plain.get_by_label("Earlier version")).to_have_value("99")


def test_a_file_is_offered_and_taken_over(
    plain: Page, open_page: OpenPage, person: TestAccount, site: Server, password_hash: str
) -> None:
    file_id = person.api.deliver(name="given.csv")["file_id"]
    small = site.new_account(quota=10)
    give_password(site, small.admin, password_hash)
    taker = open_page(java_script_enabled=False)
    sign_in(taker, small.admin)
    waiting = taker.get_by_role("link", name="Offers (1)")
    expect(waiting).to_have_count(0)

    def offer(to: str) -> None:
        plain.goto(f"/files/{file_id}")
        plain.get_by_label("New owner").fill(to)
        plain.get_by_role("button", name="Offer", exact=True).click()

    offer("nobody:nobody")
    expect(plain.locator("#offer_to-error")).to_contain_text("There is no user")
    offer(small.admin.user_name)
    expect(plain.get_by_text(f"Offered to {small.admin.user_name}")).to_be_visible()
    plain.get_by_role("button", name="Withdraw the offer").click()
    expect(plain.get_by_label("New owner")).to_be_visible()
    offer(small.admin.user_name)

    taker.reload()
    waiting.click()
    taker.get_by_role("button", name="Take given.csv over").click()
    refused = taker.get_by_role("alert")
    expect(refused).to_contain_text("The account's quota is 10 bytes")
    taker.get_by_role("button", name="Decline given.csv").click()
    expect(taker.get_by_text("No file is offered to you now")).to_be_visible()
    expect(waiting).to_have_count(0)

    rich = site.new_account()
    give_password(site, rich.admin, password_hash)
    offer(rich.admin.user_name)
    owner = open_page(java_script_enabled=False)
    sign_in(owner, rich.admin)
    owner.get_by_role("link", name="Offers (1)").click()
    owner.get_by_role("button", name="Take given.csv over").click()
    owner.wait_for_url(f"**/files/{file_id}")
    expect(owner.get_by_role("heading", name="Sharing")).to_be_visible()
    assert person.api.get(f"/file/{file_id}").status_code == 404
    assert rich.api.json(f"/file/{file_id}")["user_name"] == rich.admin.user_name


def test_files_are_searched_filtered_and_sorted(plain: Page, person: TestAccount) -> None:
    sizes = {"orders_a.csv": 3, "Orders_B.csv": 9, "stock.csv": 1}
    for name, rows in sizes.items():
        person.api.deliver(b"id,amount\n" + b"1,2\n" * rows, name=name)
    plain.goto("/files")
    plain.get_by_role("columnheader", name="Size", exact=True).get_by_role("link").click()
    rows = plain.get_by_role("row")
    for at, name in enumerate(("Orders_B.csv", "orders_a.csv", "stock.csv"), start=1):
        expect(rows.nth(at)).to_contain_text(name)
    plain.get_by_label("Name contains").fill("ORDERS")
    plain.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(1 + 2)
    expect(rows.nth(1)).to_contain_text("Orders_B.csv")  # the order is kept
    plain.get_by_text("Filters").click()
    plain.get_by_label("Schema").select_option("Enforced")
    plain.get_by_role("button", name="Search").click()
    expect(plain.get_by_text("No file matches")).to_be_visible()
    plain.get_by_label("Size at least").fill("much")
    plain.get_by_role("button", name="Search").click()
    expect(plain.locator("#min_size-error")).to_contain_text("is not a size; write it like 500 kB")
    expect(plain.get_by_label("Size at least")).to_have_value("much")
    expect(plain.get_by_label("Schema")).to_have_value("true")
    plain.get_by_role("link", name="All files", exact=True).click()
    expect(rows).to_have_count(1 + 3)
    for size, count in (("0.001 MB", 0), ("0.001 kB", 3), ("1", 3)):
        plain.goto(f"/files?min_size={size}")
        expect(plain.get_by_label("Size at least")).to_have_value(size)
        expect(rows).to_have_count(1 + count if count else 0)


def test_long_lists_are_turned_over_page_by_page(
    plain: Page, site: Server, person: TestAccount
) -> None:
    """Keys, whom a file is shared with, and offers: 50 a page, each once."""
    file_id = person.api.deliver(b"id\n1\n")["file_id"]
    guests = [site.new_account().new_user() for _ in range(51)]
    for guest in guests:
        share(person.api, file_id, guest.user_name, "r")
        person.new_key()
    make_offers(site, guests[0].api_key, person, 51)
    for path, region, further, back in (
        ("/keys", "Valid keys", "Older", "Newest"),
        (f"/files/{file_id}", "Whom the file is shared with", "Next", "First"),
        ("/offers", "Offers", "Next", "First"),
    ):
        plain.goto(path)
        rows = plain.get_by_role("region", name=region).locator("tbody tr")
        expect(rows).to_have_count(50)
        first = rows.all_inner_texts()
        plain.get_by_role("link", name=further, exact=True).click()
        expect(rows).to_have_count(2 if path == "/keys" else 1)
        expect(plain.get_by_role("link", name=further, exact=True)).to_have_count(0)
        rest = rows.all_inner_texts()
        assert path == "/keys" or rest[0] not in first
        plain.get_by_role("link", name=back, exact=True).click()
        expect(rows).to_have_count(50)


def make_offers(site: Server, owner_key: str, person: TestAccount, many: int) -> None:
    """Files by their rows, offered to a person."""
    owner, to, now = site.actor(owner_key), site.actor(person.api_key), site.parts.clock()

    def make(conn: WriteConnection) -> None:
        made = [
            {
                "id": uuid4(),
                "account_id": owner.account_id,
                "owner_id": owner.user_id,
                "name": f"offered-{at}.csv",
                "name_key": f"offered-{at}.csv",
                "description": "",
                "size_limit": 1,
                "enforcement": "none",
                "created_at": now,
                "updated_at": now,
            }
            for at in range(many)
        ]
        conn.execute(insert(files), made)
        for at, each in enumerate(made):
            named = {"file_id": each["id"], "user_id": to.user_id, "offered_by": owner.user_id}
            made_at = now + timedelta(seconds=at)
            conn.execute(insert(offers).values(**named, created_at=made_at))

    site.parts.database.write(make)
