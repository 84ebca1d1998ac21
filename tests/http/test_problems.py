"""Every 4xx and 5xx is a problem document, the framework's own included."""

from dataclasses import fields

import httpx2
import pytest
from tests.support.api import assert_problem
from tests.support.raw import exchange
from tests.support.server import Server, TestAccount

from entrepot import errors
from entrepot.http.problems.meanings import MEANINGS
from entrepot.http.problems.table import KINDS, all_kinds
from entrepot.http.problems.task_table import TASK_KINDS

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def descendants(cls: type[errors.EntrepotError]) -> set[type[errors.EntrepotError]]:
    below = set(cls.__subclasses__())
    return below.union(*(descendants(each) for each in below))


def test_no_figure_takes_the_place_of_a_problems_own_member() -> None:
    for error in descendants(errors.EntrepotError):
        assert {field.name for field in fields(error)} & MEMBERS == set(), error


def test_every_domain_error_has_its_row() -> None:
    ours = {error for error in descendants(errors.EntrepotError) if "errors" in error.__module__}
    of_commands = {errors.BackupFailed, errors.StartRefused, errors.SweepStopped}
    assert ours - set(KINDS) == of_commands


def test_codes_are_stable_words_with_advice() -> None:
    for code, kind in all_kinds().items():
        assert code == kind.code
        assert code.replace("-", "").isalpha()
        assert 400 <= kind.status < 600
        assert kind.title[0].isupper()
        assert kind.advice.endswith(".")
        assert MEANINGS[code].endswith(".")
        assert MEANINGS[code].rstrip(".") not in (kind.title, kind.advice.rstrip("."))
    assert set(MEANINGS) == set(all_kinds())
    of_requests = {kind.code: kind for kind in KINDS.values()}
    both = set(TASK_KINDS) & set(of_requests)
    assert both == {"not-tabular"}
    assert all(TASK_KINDS[code] is of_requests[code] for code in both)


def test_the_old_address_of_a_problem_leads_to_the_new_one(server: Server) -> None:
    answer = httpx2.get(f"{server.endpoint}/problems/version-not-refused")
    assert answer.status_code == 308
    assert answer.headers["location"] == "/problems/version-not-rejected"
    page = httpx2.get(f"{server.endpoint}{answer.headers['location']}")
    assert page.status_code == 200
    assert "The version was not rejected" in page.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not-found"),
        ("GET", "/api/v2/files", 404, "not-found"),
        ("GET", "/api/v1/files/", 404, "not-found"),
        ("GET", "/api/v1//files", 404, "not-found"),
        ("GET", "/api/v1/../../etc/passwd", 404, "not-found"),
        ("GET", "/api/v1/file/%2e%2e%2f", 404, "not-found"),
        ("DELETE", "/api/v1/files", 405, "method-not-allowed"),
        ("PUT", "/api/v1/whoami", 405, "method-not-allowed"),
        ("GET", "/api/v1/key/new", 405, "method-not-allowed"),
        ("BREW", "/api/v1/files", 405, "method-not-allowed"),
        ("TRACE", "/api/v1/files", 405, "method-not-allowed"),
        ("OPTIONS", "/api/v1/files", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
    ],
)
def test_the_frameworks_own_errors(
    account: TestAccount, method: str, path: str, status: int, code: str
) -> None:
    answer = account.api.client.request(method, account.server.endpoint + path)
    assert_problem(answer, status, code)
    if status == 405:
        assert answer.headers["allow"]


def test_garbage_that_is_no_http_is_refused(server: Server) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        try:
            answer = exchange(server.endpoint, garbage, end=True)
        except (ConnectionError, OSError):
            continue
        assert 400 <= answer.status < 506
    assert server.api(None).get("/healthz").status_code == 200


def test_healthy_and_ready(server: Server) -> None:
    api = server.api(None)
    assert api.get("/healthz").json() == {"status": "alive"}
    assert api.get("/readyz").json() == {
        "status": "ready",
        "database": "ok",
        "store": "ok",
        "server": "ok",
        "degraded": [],
    }
    assert api.get("/readyz?for=deliveries").status_code == 200
    assert_problem(api.get("/readyz?for=nothing"), 422, "field-invalid")


def test_every_answer_is_safe_to_look_at(account: TestAccount) -> None:
    for path in ("/files", "/nothing", "/whoami"):
        headers = account.api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert len(headers["x-request-id"]) == 32
    ids = {account.api.get("/whoami").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_request_id_from_outside_is_not_believed(account: TestAccount) -> None:
    answer = account.api.get("/whoami", headers={"X-Request-Id": "mine\tforged"})
    assert answer.headers["x-request-id"] != "mine\tforged"
