"""What the log says of a request and of a task: ids to find it by, and no secret."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.support.api import CSV, PLAIN
from tests.support.postgres import Postgres
from tests.support.server import Server, make_server
from tests.support.tus import Tus
from tests.support.wait import wait_until

from entrepot.http.middleware import AccessLog
from entrepot.settings import Settings

SECRET = "the-secret-of-this-installation"
DATABASE_PASSWORD = "a-password-of-the-database"


@pytest.fixture(scope="module")
def logging(postgres: Postgres) -> Iterator[Server]:
    """A server that logs all that it can, on a database whose address has a password."""
    address = postgres.new_database()
    separator = "&" if "?" in address else "?"
    address += f"{separator}password={DATABASE_PASSWORD}"
    made = make_server(database=address, secret=SECRET, log_level="debug")
    try:
        yield made.start()
    finally:
        made.close()


def test_lines_name_the_request_the_parties_and_the_task(logging: Server) -> None:
    account = logging.new_account()
    answer = account.api.upload(CSV)
    task = account.api.wait_task(answer.json()["task_id"])
    request_id = answer.headers["x-request-id"]

    def lines() -> list[dict[str, object]]:
        every = logging.logged()
        return [line for line in every if line.get("request_id") == request_id]

    wait_until(lines, "the request is in the log")
    (line,) = lines()
    whoami = account.api.json("/whoami")
    assert line["task_id"] == task["task_id"]
    assert line["key_id"] == str(account.admin.key.key.id)
    assert line["user_id"]
    assert line["account_id"] != line["user_id"]
    assert whoami["user_name"] not in str(line)
    refused = logging.api(None).get("/files").headers["x-request-id"]
    wait_until(
        lambda: [each for each in logging.logged() if each.get("request_id") == refused],
        "it is in the log",
    )
    (line,) = [each for each in logging.logged() if each.get("request_id") == refused]
    assert not {"user_id", "key_id", "account_id", "task_id"} & line.keys()


def test_a_whole_run_logs_no_secret(logging: Server) -> None:
    """Sign-ins, keys, uploads, a failure of the server: every secret of them is looked for."""
    secrets = {SECRET, DATABASE_PASSWORD}
    account = logging.new_account()
    secrets.add(account.api_key)
    made = account.api.post("/key/new", json={"name": "second"}).json()["api_key"]
    short_lived = account.new_key(expires_in=timedelta(days=-1)).api_key
    secrets |= {made, short_lived}
    for key in (made, short_lived, account.api_key[:-1] + "x"):
        logging.api(key).get("/files")
    made_link = account.api.post(f"/user/{account.admin.user_name}/link")
    assert made_link.status_code in (200, 201), made_link.text
    link = re.search(r"link=([\w-]+)", made_link.text)
    assert link is not None
    password = "correct horse battery staple 7319"
    secrets |= {password, link[1]}
    with httpx2.Client(base_url=logging.endpoint, trust_env=False, verify=PLAIN) as browser:
        origin = {"Origin": logging.endpoint}
        assert browser.get(f"/sign-in?link={link[1]}").status_code == 200
        chosen = {"link": link[1], "password": password}
        browser.post("/sign-in/link", data=chosen, headers=origin)
        form = {"user_name": account.admin.user_name, "password": password}
        browser.post("/sign-in", data=form, headers=origin)
        cookies = {cookie.value for cookie in browser.cookies.jar if cookie.value}
        assert cookies
        secrets |= {value for value in cookies if len(value) >= 16}
        browser.get("/files", headers={"Authorization": f"Bearer {made}"})
    account.api.deliver(CSV)
    account.api.get("/files", params={"api_key": made})
    tus = Tus.begin(account.api, 10)
    account.api.request("DELETE", tus.address)
    # A failure of the server's own, whose traceback is logged.
    with logging.parts.database.writing() as conn:
        conn.exec_driver_sql("ALTER TABLE files RENAME TO files_gone")
    assert account.api.get("/files").status_code == 500
    with logging.parts.database.writing() as conn:
        conn.exec_driver_sql("ALTER TABLE files_gone RENAME TO files")
    wait_until(lambda: "Traceback" in logging.log_file.read_text(), "the failure is logged")
    text = logging.log_file.read_text() + logging.output_file.read_text()
    assert len(secrets) >= 7
    for secret in secrets:
        assert secret not in text
        if secret.startswith("epk_"):
            assert secret[8:] not in text


def test_a_line_is_one_line_without_secrets_whatever_the_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = "epk_" + "a" * 49
    scope: dict[str, Any] = {"method": 'G"\n', "path": f'/a\n"b/{key}\x1b', "request_id": "0" * 32}
    scope |= {"client": ("::1", "7"), "key_id": uuid4()}

    access_log = AccessLog(Settings(log_format="json"))
    access_log.write(scope, 200, 0.00126, "a-task")
    access_log.write(scope | {"path": "/next"}, 404, 0.1, None)
    assert capsys.readouterr().err == ""  # they are written together
    access_log.flush()
    text = capsys.readouterr().err
    assert key not in text
    assert text.count("\n") == 2
    line, following = map(json.loads, text.splitlines())
    assert (following["path"], "task_id" in following) == ("/next", False)
    members = {"path": '/a\n"b/epk_aaaa…\x1b', "status": 200, "ms": 1.3, "client": "::1"}
    assert members.items() <= line.items()
    assert (line["method"], line["task_id"], line["level"]) == ('G"\n', "a-task", "info")
    assert line["key_id"] == str(scope["key_id"])
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_no_line_is_written_below_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    AccessLog(Settings(log_level="warning")).write({"method": "GET", "path": "/"}, 200, 0.1, None)
    assert capsys.readouterr().err == ""
