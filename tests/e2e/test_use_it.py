"""What a file's page and the list of files say about it: addresses to paste, and its last state."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

CSV = b"id,amount\n1,2\n"
BROKEN = b"id,amount\n1,two\n"


def command(page: Page, what: str) -> str:
    """The lines with this name on the page."""
    return page.get_by_role("region", name=what, exact=True).inner_text()


def run(line: str, account: TestAccount, folder: Path) -> subprocess.CompletedProcess[str]:
    line = line.replace("<API KEY>", account.api_key)
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("path", [None, "sales/orders"])
@pytest.mark.parametrize("name", ["orders.csv", "it's {a,b} [1-2].csv"])
def test_lines_of_the_page_work_as_they_are_pasted(
    page: Page,
    person: TestAccount,
    site: Server,
    tmp_path: Path,
    path: str | None,
    name: str,
) -> None:
    file_id = person.api.deliver(CSV, name=name, enforce_schema="true")["file_id"]
    if path is not None:
        answer = person.api.request("PATCH", f"/file/{file_id}", json={"path": path})
        assert answer.status_code == 200
    page.goto(f"/files/{file_id}")
    address = f"{site.endpoint}/d/{person.name}/{path}"
    if path is not None:
        expect(page.get_by_text(address, exact=True)).to_be_visible()
        assert f"FROM '{address}.parquet'" in command(page, "the lines that read it with DuckDB")
        assert f"entrepot pull {path}" == command(page, "the lines that read it with entrepot")

    assert run(command(page, "the lines that read it with curl"), person, tmp_path).returncode == 0
    assert (tmp_path / name).read_bytes() == CSV
    deliver = command(page, "the lines that deliver a version with curl")
    assert run(deliver, person, tmp_path).returncode == 0
    (tmp_path / name).write_bytes(BROKEN)
    rejected = run(deliver, person, tmp_path)
    assert rejected.returncode == 22
    assert "`two` is not an integer" in rejected.stdout


def test_the_list_shows_what_became_of_the_last_delivery(
    page: Page, person: TestAccount, site: Server
) -> None:
    """Of others' rejected deliveries only to those who manage the file."""
    file_id = person.api.deliver(CSV, enforce_schema="true")["file_id"]
    assert (
        person.api.deliver(BROKEN, path=f"/file/{file_id}/versions", limit=None)["status"]
        == "failed"
    )
    other = site.new_account()
    foreign = other.api.deliver(CSV, name="foreign.csv", enforce_schema="true")["file_id"]
    assert (
        other.api.deliver(BROKEN, path=f"/file/{foreign}/versions", limit=None)["status"]
        == "failed"
    )
    share(other.api, foreign, person.admin.user_name, "r")
    dropbox = other.api.deliver(CSV, name="dropbox.csv")["file_id"]
    share(other.api, dropbox, person.admin.user_name, "w")

    page.goto("/files")
    rows = page.get_by_role("region", name="Files").locator("tbody tr")
    state = {name: rows.filter(has_text=name) for name in ("orders", "foreign", "dropbox")}
    expect(state["orders"]).to_contain_text("Rejected")
    expect(state["foreign"]).to_contain_text("Published")
    expect(state["foreign"]).not_to_contain_text("Rejected")
    expect(state["dropbox"].locator("td").nth(1)).to_have_text("none")
