"""What is sent twice, by a second click or from another tab, is done once, and succeeds twice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import Browse, give_password, post_sign_in
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

REASON = {"reason": "It was the wrong month."}
Act = tuple[str, dict[str, str], str]
"""The address of a form, its fields, and where its answer leads."""


def version_act(name: str, first: tuple[str, ...] = (), **form: str) -> Callable[..., list[Act]]:
    """An act on the first version, after those of `first`."""

    def acts(account: TestAccount, file_id: str) -> list[Act]:
        del account
        path, target = f"/files/{file_id}/versions/1", f"/files/{file_id}#versions"
        return [(f"{path}/{each}", REASON | form, target) for each in (*first, name)]

    return acts


def delete_file(account: TestAccount, file_id: str) -> list[Act]:
    del account
    return [(f"/files/{file_id}/delete", {"confirm": "orders.csv"}, f"/files/{file_id}/deleted")]


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(version_act("delete"), id="delete a version"),
        pytest.param(version_act("undelete", ("delete",)), id="undelete a version"),
        pytest.param(version_act("withdraw"), id="withdraw"),
        pytest.param(version_act("withdraw", purge="true"), id="purge"),
        pytest.param(version_act("undo-withdrawal", ("withdraw",)), id="undo a withdrawal"),
        delete_file,
    ],
)
def test_an_act_that_is_repeated_is_confirmed_again(
    someone: TestAccount, browse: Browse, acts: Callable[..., list[Act]]
) -> None:
    file_id = someone.api.deliver(CSV)["file_id"]
    deliver(someone.api, file_id, CSV + b"7,8\n")
    client = browse()
    post_sign_in(client, someone)
    prepared = acts(someone, file_id)
    for path, form, target in [*prepared, prepared[-1]]:
        answer = client.post(path, data=form)
        assert (answer.status_code, answer.headers.get("location")) == (303, target), answer.text


def test_an_offer_is_accepted_once(
    server: Server, someone: TestAccount, browse: Browse, password_hash: str
) -> None:
    """An offer that was taken back is not found, though the file is shared with the user."""
    taker = server.new_account()
    give_password(server, taker.admin, password_hash)
    file_id = someone.api.deliver(CSV)["file_id"]
    share(someone.api, file_id, taker.admin.user_name, "r")
    client = browse()
    post_sign_in(client, taker)
    assert client.post(f"/offers/{file_id}/accept").status_code == 404
    body = {"user_name": taker.admin.user_name}
    assert someone.api.request("PUT", f"/file/{file_id}/offer", json=body).is_success
    for _ in range(2):
        assert client.post(f"/offers/{file_id}/accept").headers["location"] == f"/files/{file_id}"


def test_a_double_click_makes_one_key(page: Page, person: TestAccount) -> None:
    before = len(person.api.json("/keys")["keys_list"])
    page.goto("/keys")
    page.get_by_label("Name").fill("nightly")
    page.get_by_role("button", name="Generate").dblclick()
    expect(page.get_by_role("heading", name="Your new key")).to_be_visible()
    assert len(person.api.json("/keys")["keys_list"]) == before + 1


def test_settings_that_another_tab_has_changed_stay(page: Page, person: TestAccount) -> None:
    """A form changes what was typed into it, also after a refusal, and nothing else."""
    file_id = person.api.deliver(CSV)["file_id"]
    path = f"/files/{file_id}/settings"
    page.goto(path)
    changed = {"file_name": "new.csv", "file_description": "One\nTwo", "path": "sales/new"}
    assert person.api.request("PATCH", f"/file/{file_id}", json=changed).is_success
    for size in ("none", "3 MB"):
        page.get_by_label("Size limit").fill(size)
        page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/files/{file_id}")
    result = person.api.json(f"/file/{file_id}")
    assert result.items() >= {**changed, "file_size_limit": 3_000_000}.items()
    page.goto(path)
    page.get_by_label("Path (optional)").fill("")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/files/{file_id}")
    result = person.api.json(f"/file/{file_id}")
    assert (result["file_description"], result["path"]) == ("One\nTwo", None)
