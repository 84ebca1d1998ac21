"""Take the pictures of README.md from the real pages of a demo, with two deliveries of orders.

Needs Chromium. Run after a change of the pages, and look at the pictures:

    uv run python tools/pictures.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from entrepot_client import Client, Rejected

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
WIDTH, HEIGHT = 1100, 720
"""Pixels of a picture, at a scale of 1."""
SCHEMA = {
    "fields": [
        {"name": "order_id", "type": "integer", "constraints": {"unique": True}},
        {"name": "customer", "type": "string", "constraints": {"required": True}},
        {"name": "amount", "type": "number", "constraints": {"minimum": 0}},
        {"name": "ordered_on", "type": "date"},
    ]
}
CUSTOMERS = ("Ada", "Grace", "Edsger", "Barbara", "Donald")
WRONG_ROWS = {
    7: '1007,Grace,"12,50 €",2026-11-08',
    9: "1008,Ada,31.20,2026-11-09",
    12: "1012,,8.00,2026-11-31",
}


def orders(wrong_rows: dict[int, str]) -> bytes:
    """A table of 30 orders, some rows of it replaced."""
    rows = [
        f"{1000 + number},{CUSTOMERS[number % 5]},{number * 7.35:.2f},2026-11-{number % 28 + 1:02}"
        for number in range(1, 31)
    ]
    for number, row in wrong_rows.items():
        rows[number - 1] = row
    return "\n".join(["order_id,customer,amount,ordered_on", *rows, ""]).encode()


@contextmanager
def demo() -> Iterator[dict[str, str]]:
    """A running demo: what it printed, by label."""
    program = Path(sys.executable).with_name("entrepot")
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "demo", "--port", "0", "--data", f"{folder}/data"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = {}
        for line in process.stdout:
            label, _, value = line.strip().partition("  ")
            printed[label] = value.strip()
            if line.startswith("Ctrl-C"):
                break
        try:
            yield printed
        finally:
            process.terminate()
            process.wait()


def define(client: Client) -> str:
    """Define a file with a sound table; its id."""
    pushed = client.push(
        orders({}),
        name="orders.csv",
        description="Orders of the web shop, every night",
        size_limit=1_000_000,
        enforce_schema=SCHEMA,
    )
    return pushed.wait().file_id


def break_contract(client: Client, file_id: str) -> str:
    """Deliver a table with wrong rows; the id of the task that rejects it."""
    broken = client.push(orders(WRONG_ROWS), to=file_id, name="orders.csv")
    try:
        broken.wait()
    except Rejected:
        return broken.task_id
    raise AssertionError("the broken table was published")


def take(page: Page, address: str, name: str) -> None:
    """Store what the browser shows at the address."""
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    """Write `file.png` and `rejected.png`."""
    PICTURES.mkdir(exist_ok=True)
    with demo() as printed, sync_playwright() as playwright:
        endpoint = printed["Endpoint"]
        os.environ |= {"ENTREPOT_ENDPOINT": endpoint, "ENTREPOT_API_KEY": printed["API key"]}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(printed["Sign in"])
        page.get_by_role("button").first.click()
        with Client() as client:
            file_id = define(client)
            take(page, f"{endpoint}/files/{file_id}", "file")
            take(page, f"{endpoint}/tasks/{break_contract(client, file_id)}", "rejected")
        browser.close()


if __name__ == "__main__":
    main()
