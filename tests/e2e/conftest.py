"""A real browser on a real server, watched: what the pages must never do fails every test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from tests.support.api import PLAIN
from tests.support.apt import installed_program
from tests.support.server import Caller, Server, TestAccount, make_server
from tests.support.wait import PATIENCE

from entrepot.accounts.passwords import hash_password
from entrepot.accounts.sign_in import set_password
from entrepot.accounts.users import find_user

expect.set_options(timeout=1_000 * PATIENCE)
THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
AXE_OPTIONS: dict[str, object] = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOR_RULES = ["color-contrast", "link-in-text-block"]
"""The rules of axe that look at colours: of the others, none depends on the theme."""
PASSWORD = "correct horse battery"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without its windows, which takes 40 % of the processor time of the whole."""
    shell = "chromium-headless-shell"
    program = installed_program(shell, package=shell, substitute="chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Server]:
    """One server for all browser tests, but those of `test_sessions.py`."""
    made = make_server()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def person(site: Server, password_hash: str) -> TestAccount:
    """A fresh account whose admin has the password `PASSWORD`."""
    account = site.new_account()
    give_password(site, account.admin, password_hash)
    return account


def give_password(server: Server, caller: Caller, password_hash: str) -> None:
    database, now = server.parts.database, server.parts.clock()
    user = database.read(find_user, caller.user_name)
    database.write(set_password, user, password_hash, now)


@dataclass
class Watch:
    """What pages did that they must never do."""

    host: str
    foreign: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self._request(request.url))
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def assert_nothing(self) -> None:
        """Check that they have done none of it."""
        assert self.foreign == []
        assert self.refused == []
        assert self.errors == []

    def _request(self, url: str) -> None:
        if urlsplit(url).netloc != self.host:
            self.foreign.append(url)

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.refused.append(message.text)


OpenPage = Callable[..., Page]


@contextmanager
def watched_pages(browser: Browser, site: Server) -> Iterator[tuple[OpenPage, Watch]]:
    """`open_one(**options of the context)` gives a page in a fresh browser profile, watched."""
    watch = Watch(urlsplit(site.endpoint).netloc)
    contexts = []

    def open_one(**options: object) -> Page:
        context = browser.new_context(base_url=site.endpoint, **options)  # type: ignore[arg-type]
        context.set_default_timeout(1_000 * PATIENCE)
        watch.attach(context)
        contexts.append(context)
        return context.new_page()

    yield open_one, watch
    for context in contexts:
        context.close()
    watch.assert_nothing()


@pytest.fixture
def open_page(browser: Browser, site: Server) -> Iterator[OpenPage]:
    """Pages of this test, closed and judged at its end."""
    with watched_pages(browser, site) as (open_one, _):
        yield open_one


def sign_in(page: Page, caller: Caller) -> None:
    """Send what the form sends, without drawing it, and open the list of files."""
    form = {"user_name": caller.user_name, "password": PASSWORD}
    answer = page.context.request.post(
        "/sign-in", form=form, headers={"Sec-Fetch-Site": "same-origin"}, max_redirects=0
    )
    assert answer.status == 303, answer.text()
    page.goto("/files")


def assert_accessible(page: Page) -> None:
    """Check that the page, once it has loaded, violates no rule of axe in either theme."""
    page.wait_for_load_state()
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(f"matchMedia('(prefers-color-scheme: {theme})').matches")
        options = AXE_OPTIONS if theme == THEMES[0] else AXE_OPTIONS | {"runOnly": COLOR_RULES}
        assert _violations(page, options) == [], theme


def _violations(page: Page, options: dict[str, object]) -> list[tuple[str, list[str]]]:
    """The rules of axe that the page violates, and the elements that do."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate("options => axe.run(options)", options)["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]


def send_sign_in_form(page: Page, caller: Caller, password: str = PASSWORD) -> None:
    """Fill the form in and send it."""
    if "/sign-in" not in page.url:
        page.goto("/sign-in")
    page.get_by_label("User name").fill(caller.user_name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def page(open_page: OpenPage, person: TestAccount) -> Page:
    """A page of the person, signed in."""
    opened = open_page()
    sign_in(opened, person.admin)
    return opened


@pytest.fixture
def plain(open_page: OpenPage, person: TestAccount) -> Page:
    """A signed-in page of a browser that runs no scripts."""
    page = open_page(java_script_enabled=False)
    sign_in(page, person.admin)
    return page


@pytest.fixture
def stalled(site: Server) -> Iterator[Callable[[], None]]:
    """The worker stands still, so that tasks wait; the value lets it continue."""
    (worker,) = site.processes("worker")
    site.suspend(worker)
    yield worker.resume
    worker.resume()


Browse = Callable[..., httpx2.Client]


@pytest.fixture
def someone(server: Server, password_hash: str) -> TestAccount:
    account = server.new_account()
    give_password(server, account.admin, password_hash)
    return account


@pytest.fixture
def browse(server: Server) -> Iterator[Browse]:
    """`browse(**headers)` gives a client that sends what a browser sends with our own forms."""
    clients = []

    def one(endpoint: str = server.endpoint, **headers: str) -> httpx2.Client:
        usual = {"Accept": "text/html,*/*", "Sec-Fetch-Site": "same-origin"}
        client = httpx2.Client(
            base_url=endpoint,
            headers=usual | headers,
            timeout=2 * PATIENCE,
            trust_env=False,
            verify=PLAIN,
        )
        clients.append(client)
        return client

    yield one
    for client in clients:
        client.close()


def post_sign_in(client: httpx2.Client, account: TestAccount, **more: str) -> httpx2.Response:
    form = {"user_name": account.admin.user_name, "password": PASSWORD, **more}
    return client.post("/sign-in", data=form)
