"""What is sent twice, by a second click or from another tab, is done once, and succeeds twice."""

import html
import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import Browse, give_password, post_sign_in
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, post_version, share

REASON = {"reason": "It was the wrong month."}
FILE = {"files": {"file": ("new.csv", CSV)}}
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


def send_twice(client: httpx2.Client, page: str, action: str, **fields: Any) -> list[str]:
    """Send the form of a page twice, as a browser without scripts does. Where the answers lead, or
    what they show."""
    [address] = {
        html.unescape(each)
        for each in re.findall(r'action="([^"]*)"', client.get(page).text)
        if each.partition("?")[0] == action
    }
    answers = [client.post(address, **fields) for _ in range(2)]
    assert {answer.status_code for answer in answers} <= {201, 303}, answers[1].text
    return [answer.headers.get("location") or answer.text for answer in answers]


def test_a_form_that_makes_something_makes_it_once(
    server: Server, someone: TestAccount, browse: Browse
) -> None:
    file_id = someone.api.deliver(CSV, enforce_schema=True)["file_id"]
    deliver(someone.api, file_id, CSV + b"7,8\n")
    task_id = post_version(someone.api, file_id, CSV + b"x,9\n").json()["task_id"]
    someone.api.wait_task(task_id)
    body = {"kind": "deliver", "max_uses": 3}
    link = someone.api.post(f"/file/{file_id}/links", json=body).json()["url"]
    guest = f"/l/{link.rstrip('/').rpartition('/')[2]}"
    client, page = browse(), f"/files/{file_id}"
    post_sign_in(client, someone)
    tasks = "tasks_list"
    before = len(someone.api.json("/tasks?limit=100")[tasks])
    acts: list[tuple[str, str, dict[str, Any]]] = [
        ("/upload", "/upload", FILE | {"data": {"file_size_limit": "1 MB"}}),
        ("/upload", "/upload", FILE | {"data": {"only_check": "yes"}}),
        (f"{page}/deliver", f"{page}/deliver", FILE),
        (guest, guest, FILE),
        (f"/tasks/{task_id}", f"{page}/versions/3/accept", {"data": REASON}),
        (page, f"{page}/versions/1/restore", {}),
        (page, f"{page}/compare", {"data": {"before": "1", "after": "2"}}),
    ]
    for page_address, action, fields in acts:
        first, second = send_twice(client, page_address, action, **fields)
        assert first == second, action
    assert len(someone.api.json("/tasks?limit=100")[tasks]) == before + len(acts)


def test_a_secret_that_is_shown_once_is_not_lost(someone: TestAccount, browse: Browse) -> None:
    """The answer to the form that is sent again shows the same key; another form makes another."""
    file_id = someone.api.deliver(CSV)["file_id"]
    client = browse()
    post_sign_in(client, someone)
    links = f"/files/{file_id}/links"
    for page, secret, fields in (
        ("/keys", "epk", {"name": "nightly", "scope": "read", "expires": ""}),
        (links, "epl", {"kind": "read", "expires": "7", "password": "three odd words"}),
    ):
        secrets = [
            re.findall(rf"{secret}_[0-9A-Za-z]{{49}}", answer)[0]
            for _ in range(2)
            for answer in send_twice(client, page, page, data=fields)
        ]
        assert (secrets[0], secrets[2]) == (secrets[1], secrets[3])
        assert secrets[0] != secrets[2]
    assert len(someone.api.json(f"/file/{file_id}/links")["links_list"]) == 2


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
