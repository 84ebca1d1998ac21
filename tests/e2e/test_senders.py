"""Shares from other accounts on the pages: marked, declined; accounts accepted and blocked."""

from playwright.sync_api import Page, expect
from tests.support.server import Server, TestAccount
from tests.support.sharing import listed, share


def test_shares_from_elsewhere(plain: Page, person: TestAccount, site: Server) -> None:
    sender = site.new_account()
    declined, kept = (
        sender.api.deliver(name=name)["file_id"] for name in ("declined.csv", "kept.csv")
    )
    person.api.deliver(name="own.csv")
    for file_id in (declined, kept):
        share(sender.api, file_id, person.admin.user_name, "r")
    plain.goto("/files")
    expect(plain.get_by_text("Other account", exact=True)).to_have_count(2)
    plain.get_by_role("link", name="declined.csv").click()
    plain.get_by_role("button", name="Decline this file").click()
    plain.wait_for_url("**/files")
    expect(plain.get_by_role("link", name="declined.csv")).to_have_count(0)

    plain.goto("/account")
    for whom in ("you", "your whole account"):
        plain.get_by_role("button", name=f"Accept {sender.name} for {whom}", exact=True).click()
    expect(plain.get_by_text("Accepted", exact=True)).to_have_count(2)
    taken_back = f"Undo that {sender.name} is accepted for you"
    plain.get_by_role("button", name=taken_back, exact=True).click()
    expect(plain.get_by_text("Not decided", exact=True)).to_have_count(1)
    assert kept in listed(person.api)
    plain.get_by_role("link", name=f"Block {sender.name} for you", exact=True).click()
    plain.get_by_role("button", name="Block").click()
    expect(plain.get_by_text("Blocked", exact=True)).to_be_visible()
    assert kept not in listed(person.api)


def test_an_admin_blocks_an_account_for_everybody(
    plain: Page, person: TestAccount, site: Server
) -> None:
    sender = site.new_account()
    file_id = sender.api.deliver()["file_id"]
    share(sender.api, file_id, f"{person.name}:*", "r")
    plain.goto(f"/account/senders/{sender.name}/block?for_account=true")
    expect(plain.get_by_text("with your whole account ends now")).to_be_visible()
    plain.get_by_role("button", name="Block").click()
    plain.wait_for_url("**/account#senders")
    assert listed(person.api) == {}
    nothing = plain.goto("/account/senders/nobody/block")
    assert nothing is not None
    assert nothing.status == 404
