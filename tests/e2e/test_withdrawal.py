"""A version is withdrawn on its page, removed permanently, and published again."""

from playwright.sync_api import Page, expect
from tests.support.api import CSV
from tests.support.server import TestAccount
from tests.support.sharing import deliver

REASON = "It was the wrong month."


def test_any_version_is_withdrawn_and_that_undone(plain: Page, person: TestAccount) -> None:
    file_id = person.api.deliver()["file_id"]
    second = deliver(person.admin, file_id, CSV + b"7,8\n")
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Withdraw version 1").click()
    expect(plain.get_by_text("Readers keep version 2 as the current one")).to_be_visible()
    plain.get_by_label("Reason").fill("\u202e")
    plain.get_by_role("button", name="Withdraw version 1").click()
    expect(plain.locator("#reason-error")).to_contain_text("bidirectional")
    plain.get_by_label("Reason").fill(REASON)
    plain.get_by_role("button", name="Withdraw version 1").click()
    plain.wait_for_url(f"**/files/{file_id}#versions")
    expect(plain.get_by_text("Withdrawn", exact=True)).to_be_visible()
    plain.get_by_role("button", name="Undo the withdrawal of version 1").click()
    expect(plain.get_by_text("Withdrawn", exact=True)).to_have_count(0)

    plain.get_by_role("link", name="Withdraw version 2").click()
    expect(plain.get_by_text("Readers get version 1.")).to_be_visible()
    plain.get_by_label("Reason").fill(REASON)
    plain.get_by_role("button", name="Withdraw version 2").click()
    expect(plain.get_by_role("link", name="Remove version 2 permanently")).to_be_visible()
    task = f"/tasks/{second['task_id']}"
    plain.goto(task)
    text = "Published as version 2, and withdrawn since; readers get version 1 now."
    expect(plain.get_by_text(text)).to_be_visible()
    expect(plain.get_by_text(REASON)).to_be_visible()
    plain.goto(f"/files/{file_id}")
    plain.get_by_role("link", name="Remove version 2 permanently").click()
    plain.get_by_role("button", name="Remove version 2").click()
    expect(plain.locator(".under").filter(has_text="Its bytes were removed.")).to_be_visible()
    assert person.api.json(f"/file/{file_id}/versions/2")["withdrawal"]["purged"]


def test_an_older_version_is_not_called_the_current_one(plain: Page, person: TestAccount) -> None:
    first = person.api.deliver()
    deliver(person.admin, first["file_id"], CSV + b"7,8\n")
    plain.goto(f"/tasks/{first['task_id']}")
    text = "Published as version 1; readers get version 2 now."
    expect(plain.get_by_text(text)).to_be_visible()


def test_the_page_of_a_comparison_stays_when_a_version_is_withdrawn(
    plain: Page, person: TestAccount
) -> None:
    file_id = person.api.deliver()["file_id"]
    deliver(person.admin, file_id, CSV + b"7,8\n")
    comparison = person.api.post(f"/file/{file_id}/compare", json={"before": 1, "after": 2}).json()
    person.api.wait_task(comparison["task_id"])
    path, body = f"/file/{file_id}/versions/1/withdraw", {"reason": REASON}
    assert person.api.post(path, json=body).status_code == 200
    answer = plain.goto(f"/tasks/{comparison['task_id']}")
    assert answer is not None
    assert answer.status == 200
    expect(plain.get_by_text("as long as they may read both versions")).to_be_visible()
