"""What holds of every page: accessible in both themes, fits a telephone, small and quick."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page
from tests.e2e.conftest import (
    OpenPage,
    Watch,
    assert_accessible,
    give_password,
    sign_in,
    watched_pages,
)
from tests.support.links import make_link
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

COLUMN = "a_column_with_a_rather_long_name_" * 3
AMOUNT = "amount_without_any_place_to_break_its_name_" * 2
BROKEN = f"id,{AMOUNT},{COLUMN}\n1,2,x\n2,abc,y\n".encode()
CONTRACT = (
    '{"fields":[{"name":"id","type":"integer"},'
    f'{{"name":"{AMOUNT}","type":"number"}},{{"name":"{COLUMN}","type":"string"}}]}}'
)
SUGGESTED = f"{COLUMN},{AMOUNT},id,new_{COLUMN}\n{'long' * 60},NA,1.5,x\n".encode()
"""Valid if the order, `amount`, `id` and a new column were changed in the contract."""
LONG = "a_file_name_that_goes_on_and_on_without_any_place_to_break_it_" * 3 + ".csv"

PATHS = (
    "/sign-in",
    "/sign-in?link=anything",
    "/sign-in?link={link}",
    "/password",
    "/password?changed=yes",
    "/files",
    "/files?name=nothing&sort=-file_size&published=true",
    "/files?min_size=much",
    "/files/{published}",
    "/files/{published}/preview",
    "/files/{published}/preview?where=none%3D1",
    "/files/{rejected}",
    "/files/{exception}",
    "/files/{published}/settings",
    "/files/{published}/schema",
    "/files/{deleted}",
    "/files/{foreign}",
    "/files/{published}/versions/1/withdraw",
    "/files/{withdrawn}",
    "/files/{withdrawn}/versions/1/withdraw",
    "/files/{published}/links",
    "/files/{published}/links/{made_link}/revoke",
    "/l/{reading}",
    "/l/{delivering}",
    "/l/{delivering}/deliveries/{by_link}",
    "/l/epl_nothing",
    "/files/{rejected}/deliver",
    "/files/{rejected}/deliver?replaces=1",
    "/upload",
    "/activity",
    "/account",
    "/account/senders/{sender}/block",
    "/files/{published}/activity",
    "/offers",
    "/tasks",
    "/tasks/{succeeded}",
    "/tasks/{failed}",
    "/tasks/{checked}",
    "/tasks/{changed}",
    "/tasks/{accepted}",
    "/tasks/{suggested}",
    "/tasks/{compared}",
    "/tasks/{withdrawn_task}",
    "/keys",
    "/keys/{key}/revoke",
    "/endpoint",
    "/docs",
    "/problems",
    "/problems/account-quota-exceeded",
    "/nothing-here",
)
SIGNED_OUT = (
    "/sign-in",
    "/sign-in?link=anything",
    "/l/{reading}",
    "/l/{delivering}",
    "/l/{delivering}/deliveries/{by_link}",
    "/l/epl_nothing",
)
COMPRESSED_MOST = 100_000


@dataclass(frozen=True)
class PageScenario:
    """An account with something on every page."""

    account: TestAccount
    names: dict[str, str]


@pytest.fixture(scope="module")
def page_scenario(site: Server, password_hash: str) -> PageScenario:
    account = site.new_account()
    give_password(site, account.admin, password_hash)
    good = account.api.deliver(name=LONG, file_description="Long\n" * 5, enforce_schema="true")
    bad = account.api.deliver(BROKEN, enforce_schema=CONTRACT)
    assert (good["status"], bad["status"]) == ("succeeded", "failed")
    checked = account.api.deliver(BROKEN, path="/file/validate", enforce_schema=CONTRACT)
    path = f"/file/{good['file_id']}/schema?breaking=accept"
    schema = account.api.json(f"/file/{good['file_id']}/schema")["schema"]
    schema["fields"][0]["constraints"] = {"enum": [1, 3]}
    changed = account.api.request("PUT", path, json=schema).json()
    assert account.api.wait_task(changed["task_id"])["status"] == "succeeded"
    odd = account.api.deliver(BROKEN, enforce_schema=CONTRACT)
    site.wait_derived()
    path, why = f"/file/{odd['file_id']}/versions/1/accept", {"reason": "Agreed by mail. " * 20}
    accepted = account.api.post(path, json=why).json()
    assert account.api.wait_task(accepted["task_id"])["status"] == "succeeded"
    suggested = account.api.deliver(SUGGESTED, enforce_schema=CONTRACT)
    assert account.api.json(f"/task/{suggested['task_id']}/report")["suggested"]
    table = account.api.deliver(b"id,a\n" + b"1,x\n2,y\n" * 2)
    deliver(
        account.api, table["file_id"], b"id,a,rather_long_name_of_a_column\n1,x," + b"long" * 60
    )
    which = {"before": 1, "after": 2, "key": ["id"]}
    compared = account.api.post(f"/file/{table['file_id']}/compare", json=which).json()
    assert account.api.wait_task(compared["task_id"])["status"] == "succeeded"
    share(account.api, good["file_id"], f"{site.new_account().name}:*", "w")
    other = site.new_account()
    share(account.api, good["file_id"], f"{other.name}:*", "w")
    other_file_id = other.api.deliver(name=LONG, file_description="Long\n" * 5)["file_id"]
    for api, file_id, taker in (
        (other.api, other_file_id, account.admin),
        (account.api, good["file_id"], other.admin),
    ):
        body = {"user_name": taker.user_name}
        assert api.request("PUT", f"/file/{file_id}/offer", json=body).status_code == 200
    gone = account.api.deliver(name=LONG)["file_id"]
    assert account.api.request("DELETE", f"/file/{gone}").status_code == 200
    share(other.api, other_file_id, account.admin.user_name, "r")
    withdrawn = account.api.deliver(name=LONG)
    path = f"/file/{withdrawn['file_id']}/versions/1/withdraw"
    assert account.api.post(path, json={"reason": "The wrong month. " * 20}).status_code == 200
    made_link = make_link(account.api, good["file_id"], "read", name="N" * 100)
    delivering = make_link(account.api, bad["file_id"], "deliver")["path"].split("/")[2]
    sent = site.api(None).request("PUT", f"/l/{delivering}?wait=60", content=BROKEN)
    names = {
        "made_link": made_link["link_id"],
        "reading": made_link["path"].split("/")[2],
        "delivering": delivering,
        "by_link": sent.json()["task_id"],
        "foreign": other_file_id,
        "withdrawn": withdrawn["file_id"],
        "withdrawn_task": withdrawn["task_id"],
        "sender": other.name,
        "deleted": gone,
        "exception": odd["file_id"],
        "accepted": accepted["task_id"],
        "suggested": suggested["task_id"],
        "compared": compared["task_id"],
        "checked": checked["task_id"],
        "changed": changed["task_id"],
        "published": good["file_id"],
        "rejected": bad["file_id"],
        "succeeded": good["task_id"],
        "failed": bad["task_id"],
        "key": str(account.admin.key.key.id),
        "link": account.api.post(f"/user/{account.new_user().user_name}/link")
        .json()["link"]
        .partition("=")[2],
    }
    return PageScenario(account, names)


Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def tabs(
    browser: Browser, site: Server, page_scenario: PageScenario
) -> Iterator[tuple[dict[str, Page], OpenPage, Watch]]:
    """The tabs that pages are visited in, one of each kind: a fresh one costs more than a page."""
    with watched_pages(browser, site) as (open_page, watch):
        yield {}, open_page, watch


@pytest.fixture
def visit(
    tabs: tuple[dict[str, Page], OpenPage, Watch], page_scenario: PageScenario
) -> Iterator[Visit]:
    """Go to a page as the account's admin, or signed out where that is its sense."""
    kept, open_page, watch = tabs

    def go(path: str, **options: object) -> Page:
        signed_in = path not in SIGNED_OUT
        kind = f"{signed_in} {options}"
        if kind not in kept:
            kept[kind] = open_page(**options)
            if signed_in:
                sign_in(kept[kind], page_scenario.account.admin)
        page = kept[kind]
        page.goto(path.format(**page_scenario.names))
        return page

    yield go
    watch.assert_nothing()


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(visit: Visit, path: str) -> None:
    assert_accessible(visit(path))


def make_key(page: Page) -> None:
    page.goto("/keys")
    page.get_by_label("Name").fill("nightly export")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="Your new key").wait_for()


def make_guest_link(page: Page) -> None:
    page.get_by_role("button", name="Make the link").click()
    page.get_by_role("heading", name="Your new link").wait_for()


def share_with_nobody(page: Page) -> None:
    page.locator("#user_name").fill("nobody:here")
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("alert").wait_for()


def break_the_contract(page: Page) -> None:
    page.get_by_label("Table Schema as JSON").fill('{"fields": [{"name": "id", "type": "date"}]}')
    page.get_by_role("button", name="Check it").click()
    page.get_by_label("Change it anyway").wait_for()


def misname_the_file(page: Page) -> None:
    page.locator("#confirm").fill("another.csv")
    page.get_by_role("button", name="Delete the file").click()
    page.get_by_role("alert").wait_for()


@pytest.mark.parametrize(
    ("path", "act"),
    [
        ("/keys", make_key),
        ("/files/{published}/links", make_guest_link),
        ("/files/{published}", share_with_nobody),
        ("/files/{published}/schema", break_the_contract),
        ("/files/{published}/settings", misname_the_file),
    ],
)
def test_axe_finds_nothing_on_answers_to_forms(
    visit: Visit, path: str, act: Callable[[Page], None]
) -> None:
    page = visit(path)
    act(page)
    assert_accessible(page)


OUT_OF_SIGHT = """() => {
  const CONTROLS =
    "a, button, input:not([type=hidden]), select, textarea, summary:not(details details *), .badge";
  // What is folded, for screen readers, of a choice that was not taken, or the order of a list,
  // which its filters have too.
  const otherwise = "details:not([open]) > :not(summary), .unseen, .skip, [data-given], th";
  const shownOtherwise = node => node.closest(otherwise);
  const text = node => (node.getAttribute("aria-label") || node.innerText || node.outerHTML).trim();
  const faults = [];
  for (const node of document.querySelectorAll("main *, header *, footer *")) {
    const style = getComputedStyle(node);
    const scrolls = ["auto", "scroll"].includes(style.overflowX) && node.clientWidth > 0;
    const marked = node.matches("pre, textarea, .sideways");
    if (scrolls && node.scrollWidth > node.clientWidth && !marked)
      faults.push(`scrolls sideways: ${text(node).slice(0, 80)}`);
    if (!node.matches(CONTROLS) || shownOtherwise(node)) continue;
    const box = node.getBoundingClientRect();
    const inside = box.width > 0 && box.left >= 0 && box.right <= innerWidth + 0.5;
    const sameTarget = each => each.href === node.href && each.getBoundingClientRect().width > 0;
    const twin = box.width === 0 && node.href && [...document.links].some(sameTarget);
    const harmless = node.closest(".sideways") && !node.matches("button, .button, .badge");
    if (!inside && !twin && !harmless) faults.push(`out of sight: ${text(node).slice(0, 80)}`);
  }
  return faults;
}"""
"""What a page cuts off: areas that scroll sideways without the mark of a wide table, and states and
controls that are outside the window or not drawn. A hidden link may have a twin that is shown."""


@pytest.mark.parametrize("path", PATHS)
def test_a_telephone_shows_every_state_and_control(visit: Visit, path: str) -> None:
    page = visit(path, viewport={"width": 390, "height": 800}, color_scheme="light")
    widths = "[document.documentElement.scrollWidth, window.innerWidth]"
    wide, window = page.evaluate(widths)
    assert wide <= window == 390
    assert page.evaluate(OUT_OF_SIGHT) == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/tasks/{failed}", ".state [data-words]"),
        ("/tasks/{accepted}", ".state [data-words]"),
        ("/l/{delivering}", "[aria-label=Columns] table"),
    ],
)
def test_a_telephone_gives_sentences_and_columns_the_whole_width(
    visit: Visit, path: str, place: str
) -> None:
    """No sentence beside a badge, and no short table that scrolls."""
    page = visit(path, viewport={"width": 390, "height": 800}, color_scheme="light")
    box = page.locator(place).bounding_box()
    assert box is not None
    assert 350 <= box["width"] <= 390 - 2 * 16


def test_a_telephone_shows_a_key_whole_and_what_each_key_may(visit: Visit) -> None:
    page = visit("/keys", viewport={"width": 390, "height": 800}, color_scheme="light")
    assert page.get_by_text("may read files and tasks; deliver").first.is_visible()
    make_key(page)
    widths = "all => all.map(pre => pre.scrollWidth - pre.clientWidth)"
    assert page.locator(".command pre").evaluate_all(widths) == [0, 0]


@pytest.mark.parametrize("path", ["/tasks", "/tasks/{suggested}", "/files"])
def test_a_telephone_shows_no_label_without_a_value(visit: Visit, path: str) -> None:
    page = visit(path, viewport={"width": 390, "height": 800}, color_scheme="light")
    cells = page.locator(".cards td[data-label]:visible")
    assert cells.count() > 0
    assert [text for text in cells.all_inner_texts() if text.strip() in ("", "–")] == []


@pytest.mark.parametrize("path", ["/files", "/docs"])
def test_a_page_is_small_with_all_that_it_loads(visit: Visit, path: str) -> None:
    page = visit(path)
    loaded = "performance.getEntriesByType('resource').map(each => each.name)"
    names = set(page.evaluate(loaded))
    assert any(name.endswith("entrepot.css") for name in names)
    assert any(name.endswith("live.js") for name in names)
    total = len(gzip.compress(page.content().encode()))
    for name in names:
        body = page.request.get(name).body()
        total += len(gzip.compress(body))
    assert total < COMPRESSED_MOST


def test_the_title_of_a_search_says_what_is_searched(visit: Visit) -> None:
    assert visit("/files?name=orders").title().startswith("Files: orders")
    assert ":" not in visit("/files?published=true").title()
