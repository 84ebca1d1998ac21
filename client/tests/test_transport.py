import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import stamina
from client_peer import API_KEY, Fault, Peer

from entrepot_client import errors
from entrepot_client.client import Client
from entrepot_client.endpoint import clean_endpoint
from entrepot_client.transport import retry_after

FILES = "/api/v1/files"
WHO = "/api/v1/whoami"


def test_reads_are_retried_until_the_server_is_back(peer: Peer, client: Client) -> None:
    peer.add_file("a.csv", b"1")
    peer.faults[FILES] = [Fault(0), Fault(502), Fault(503), Fault(504)]
    assert [file.file_name for file in client.files()] == ["a.csv"]
    assert len(peer.requests_for(FILES)) == 5


def test_retry_after_is_honoured(peer: Peer, client: Client) -> None:
    stamina.set_testing(False)
    peer.faults[FILES] = [Fault(429, {"Retry-After": "1"})]
    started_at = time.monotonic()
    assert list(client.files()) == []
    assert time.monotonic() - started_at >= 1.0


def test_a_pause_that_is_too_long_is_left_to_the_caller(peer: Peer, client: Client) -> None:
    peer.faults[FILES] = [Fault(503, {"Retry-After": "3600"})]
    with pytest.raises(errors.ServerFailed) as caught:
        list(client.files())
    assert caught.value.retry_after == 3600
    assert len(peer.requests_for(FILES)) == 1


@pytest.mark.parametrize("status", [500, 501, 507, 404, 409])
def test_what_will_not_change_is_not_retried(peer: Peer, client: Client, status: int) -> None:
    peer.faults[FILES] = [Fault(status)]
    with pytest.raises(errors.ProblemError):
        list(client.files())
    assert len(peer.requests_for(FILES)) == 1


@pytest.mark.parametrize("fault", [Fault(0), Fault(503), Fault(429)])
def test_changes_are_sent_once(peer: Peer, client: Client, fault: Fault) -> None:
    peer.faults["/api/v1/key/new"] = [fault]
    with pytest.raises((errors.Unreachable, errors.ProblemError)):
        client.create_key("cron", ["read"])
    assert len(peer.requests_for("/api/v1/key/new")) == 1


def test_a_change_that_was_one_too_many_is_sent_again_after_a_while(
    peer: Peer, client: Client
) -> None:
    stamina.set_testing(False)
    peer.faults["/api/v1/key/new"] = [Fault(429, {"Retry-After": "1"})]
    started_at = time.monotonic()
    client.create_key("cron", ["read"])
    assert time.monotonic() - started_at >= 1.0
    assert len(peer.requests_for("/api/v1/key/new")) == 2


def test_patience_has_an_end(peer: Peer) -> None:
    peer.faults["/api/v1/key/new"] = [Fault(429, {"Retry-After": "1"})] * 20
    with (
        Client(peer.endpoint, API_KEY) as client,
        pytest.raises(errors.TooManyRequests) as caught,
    ):
        client.create_key("cron", ["read"])
    assert caught.value.retry_after == 1
    assert 1 < len(peer.requests_for("/api/v1/key/new")) < 20


def test_a_lost_answer_to_a_change_says_that_it_may_have_happened(
    peer: Peer, client: Client
) -> None:
    peer.faults["/api/v1/key/new"] = [Fault(0)]
    with pytest.raises(errors.Unreachable) as caught:
        client.create_key("cron", ["read"])
    assert caught.value.may_have_arrived


def test_no_server_at_all() -> None:
    with Client("http://127.0.0.1:9", API_KEY, attempts=2) as client:
        with pytest.raises(errors.Unreachable) as caught:
            list(client.files())
        assert not caught.value.may_have_arrived


def test_every_page_is_fetched_from_the_endpoint_whatever_host_a_link_names(
    peer: Peer, client: Client
) -> None:
    peer.page_size = 2
    for number in range(5):
        peer.add_file(f"{number}.csv", b"1")
    assert [file.file_name for file in client.files()] == [f"{n}.csv" for n in range(5)]
    assert len(peer.requests_for(FILES)) == 3


def test_a_limit_ends_the_pages(peer: Peer, client: Client) -> None:
    peer.page_size = 2
    peer.tasks = {str(n): {"task_id": str(n), "status": "queued"} for n in range(9)}
    assert [task.task_id for task in client.tasks(3)] == ["0", "1", "2"]
    assert len(peer.requests_for("/api/v1/tasks")) == 2


def test_problems_are_typed_and_carry_their_figures(peer: Peer, client: Client) -> None:
    body = (
        b'{"type":"/problems/account-quota-exceeded","status":413,"code":"account-quota-exceeded",'
        b'"title":"T","detail":"Too much.","limit":10,"used":9,"request_id":"r1",'
        b'"errors":[{"field":"file"}]}'
    )
    peer.faults[FILES] = [Fault(413, {"Content-Type": "application/problem+json"}, body)]
    with pytest.raises(errors.OverLimit, match=r"Too much\.") as caught:
        list(client.files())
    problem = caught.value
    assert (problem.code, problem.request_id) == ("account-quota-exceeded", "r1")
    assert problem.figures == {"limit": 10, "used": 9}
    assert problem.errors == ({"field": "file"},)


def test_a_proxy_without_a_problem_document(peer: Peer, client: Client) -> None:
    peer.faults[FILES] = [Fault(403, {"Content-Type": "text/html"}, b"<h1>No</h1>")]
    with pytest.raises(errors.Forbidden, match="status 403"):
        list(client.files())


@pytest.mark.parametrize(
    ("media_type", "body", "reason"),
    [
        ("text/html", b"<h1>Router</h1>", "text/html that is not JSON"),
        ("application/json", b"{", "application/json that is not JSON"),
        ("application/json", b"[1]", "files_list|not an object"),
        ("application/json", b"null", "files_list|not an object"),
        ("application/json", b'{"files_list":[{"x":1}]}', "without (file_id|user_name)"),
    ],
)
def test_something_else_than_entrepot_answers(
    peer: Peer, client: Client, media_type: str, body: bytes, reason: str
) -> None:
    name = lambda: client.whoami()["user_name"]  # noqa: E731
    for path, call in ((FILES, lambda: list(client.files())), (WHO, name)):
        peer.faults[path] = [Fault(200, {"Content-Type": media_type}, body)]
        with pytest.raises(errors.BadAnswer, match=reason):
            call()


def test_the_key_does_not_follow_a_redirect_to_another_host(peer: Peer, client: Client) -> None:
    other = peer.endpoint.replace("127.0.0.1", "localhost")
    peer.faults[FILES] = [Fault(302, {"Location": f"{other}{FILES}"})]
    with pytest.raises(errors.NotSignedIn):
        list(client.files())
    assert [a.headers.get("Authorization") for a in peer.requests] == [f"Bearer {API_KEY}", None]


def test_a_change_is_not_redirected(peer: Peer, client: Client) -> None:
    peer.faults["/api/v1/key/new"] = [Fault(308, {"Location": "https://elsewhere.invalid/"})]
    with pytest.raises(errors.BadAnswer, match="elsewhere"):
        client.create_key("cron", ["read"])


def test_an_id_cannot_leave_its_path(peer: Peer, client: Client) -> None:
    with pytest.raises(errors.ResourceNotFound):
        client.schema("../whoami")
    assert peer.requests[0].path == "/api/v1/file/..%2Fwhoami/schema"


def test_keys_that_cannot_be_sent() -> None:
    for key in ("epk_\nX-Evil: 1", "epk_é", "epk with blanks"):
        with pytest.raises(errors.BadKey):
            Client("http://127.0.0.1:1", key)


@pytest.mark.parametrize(
    ("endpoint", "clean"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" https://files.example.com/ ", "https://files.example.com"),
        ("https://example.com/exchange/api/v1/", "https://example.com/exchange"),
        ("http://[::1]:8080/api/v1", "http://[::1]:8080"),
    ],
)
def test_endpoints(endpoint: str, clean: str) -> None:
    assert clean_endpoint(endpoint) == clean


@pytest.mark.parametrize(
    "endpoint", ["", "files.example.com", "ftp://x", "http://", "http://u:secret@h", "http://h:x"]
)
def test_wrong_endpoints(endpoint: str) -> None:
    with pytest.raises(errors.BadEndpoint) as caught:
        clean_endpoint(endpoint)
    assert "secret" not in str(caught.value)


def test_retry_after_forms() -> None:
    def date(seconds: int) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)

    assert retry_after("7") == 7
    assert 50 < (retry_after(date(60)) or 0) <= 60
    assert retry_after(date(-60)) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None
