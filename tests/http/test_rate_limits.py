"""How many requests may come from one key or address, and what each answer says of it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import CSV, assert_problem
from tests.support.server import Server, make_server
from tests.support.wait import wait_until

from entrepot.accounts.sessions import open_session
from entrepot.accounts.users import find_user
from entrepot.http.limits.rates import MAX_COUNTERS, Rate, client_network
from entrepot_client.cli.main import run as run_program
from entrepot_client.transfers.resume import MIN_RESUMABLE_BYTES

BURST = 6
POLICY = f'"key";q={BURST};w={BURST * 60}'


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server that gives a key six requests at once, and one a minute after that."""
    made = make_server(
        requests_per_minute=1,
        request_burst=BURST,
        stranger_requests_per_minute=BURST,
        trusted_proxies="127.0.0.1",
    )
    try:
        yield made.start()
    finally:
        made.close()


def left(answer: Any) -> tuple[str, int, int]:
    """The policy that an answer names, what is left of it, and after how long all is."""
    result = re.fullmatch(r'"([a-z]+)";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert result, answer.headers["ratelimit"]
    return result[1], int(result[2]), int(result[3])


def test_every_answer_says_what_is_left(strict: Server) -> None:
    account = strict.new_account()
    reader = account.new_key()
    path = "/file/download/1dd1ce46-62cc-486e-9f47-1f96c1895b25"
    answers = [
        reader.api.get("/files"),
        reader.api.get(path),
        reader.api.request("HEAD", path),
        reader.api.get("/nothing"),
        reader.api.post("/user/new", json={}),
        reader.api.request("OPTIONS", "/uploads"),
    ]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == [POLICY] * BURST
    rows = [left(answer) for answer in answers]
    assert [name for name, _, _ in rows] == ["key"] * BURST
    assert [remaining for _, remaining, _ in rows] == [5, 4, 3, 2, 1, 0]
    assert all(0 < reset <= BURST * 60 for _, _, reset in rows)


def test_too_many_requests_are_refused_with_the_figures(strict: Server) -> None:
    account = strict.new_account()
    hasty, other = account.new_key(), account.new_key()
    for _ in range(BURST):
        assert hasty.api.get("/whoami").status_code == 200
    for path in ("/whoami", "/file/download/1dd1ce46-62cc-486e-9f47-1f96c1895b25", "/nothing"):
        refused = hasty.api.get(path)
        figures = {"policy": "key", "limit": BURST, "window": BURST * 60}
        document = assert_problem(refused, 429, "rate-limited", **figures)
        assert refused.headers["retry-after"] == str(document["retry_after"])
        assert 0 < document["retry_after"] <= 60
        assert left(refused)[:2] == ("key", 0)
    refused = hasty.api.upload(CSV)
    assert_problem(refused, 429, "rate-limited")
    assert other.api.get("/whoami").status_code == 200


def test_who_guesses_keys_locks_nobody_out(strict: Server) -> None:
    account = strict.new_account()
    known, fresh = account.new_key(), account.new_key()
    # Well formed, so that only the database knows; and one that is none at all.
    revoked = account.new_key()
    account.api.request("DELETE", f"/key/{revoked.key.key.id}")
    here = {"X-Forwarded-For": "203.0.113.7"}
    known.api.get("/whoami", headers=here)
    guesser, nobody = strict.api("epk_wrong"), strict.api(None)
    for api in (revoked.api, guesser, nobody, revoked.api, guesser, nobody):
        answer = api.get("/files", headers=here)
        assert_problem(answer, 401, "not-authenticated")
        assert left(answer)[0] == "address"
    for api in (revoked.api, guesser, nobody):
        refused = api.get("/files", headers=here)
        assert_problem(refused, 429, "rate-limited", policy="address", limit=BURST, window=60)
        assert refused.headers["retry-after"]
        forged = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
        assert api.get("/files", headers=forged).status_code == 429
        elsewhere = {"X-Forwarded-For": "203.0.113.8"}
        assert api.get("/files", headers=elsewhere).status_code == 401
    for holder in (known, fresh):
        assert holder.api.get("/whoami", headers=here).status_code == 200


def test_a_key_that_was_revoked_counts_for_its_address(strict: Server) -> None:
    account = strict.new_account()
    holder = account.new_key()
    here = {"X-Forwarded-For": "203.0.113.20"}
    assert left(holder.api.get("/whoami", headers=here))[0] == "key"
    account.api.request("DELETE", f"/key/{holder.key.key.id}")
    assert holder.api.get("/whoami", headers=here).status_code == 401
    answer = holder.api.get("/whoami", headers=here)
    assert_problem(answer, 401, "not-authenticated")
    assert left(answer)[:2] == ("address", BURST - 1)


def test_pages_count_for_the_session_or_the_address(strict: Server) -> None:
    account, parts = strict.new_account(), strict.parts
    user = parts.database.read(find_user, account.admin.user_name)
    now = parts.clock()
    token = parts.database.write(open_session, parts.secret, user, None, now, "password")
    cookies = {"Cookie": f"entrepot={token}", "X-Forwarded-For": "203.0.113.30"}
    made_up = {"Cookie": "entrepot=made-up", "X-Forwarded-For": "203.0.113.31"}
    client, paths = strict.api(None).client, ("/files", "/docs", "/static/0/icon.svg")
    for headers, name in ((cookies, "session"), (made_up, "address")):
        for number in range(BURST):
            answer = client.get(paths[number % len(paths)], headers=headers)
            assert answer.status_code in (200, 401)
            assert left(answer)[:2] == (name, BURST - 1 - number)
        refused = client.get("/files", headers={**headers, "Accept": "text/html"})
        assert refused.status_code == 429
        assert refused.headers["content-type"].startswith("text/html")
        assert refused.headers["retry-after"]
    assert client.get("/docs", headers=cookies | {"Cookie": ""}).status_code == 200


def test_checks_of_health_count_apart(strict: Server) -> None:
    api, here = strict.api(None), {"X-Forwarded-For": "203.0.113.40"}
    while api.get("/files", headers=here).status_code != 429:
        pass
    for path in ("/healthz", "/readyz", "/healthz"):
        answer = api.get(path, headers=here)
        assert (answer.status_code, left(answer)[0]) == (200, "health")
    while api.get("/readyz", headers=here).status_code == 200:
        pass
    assert_problem(api.get("/healthz", headers=here), 429, "rate-limited", policy="health")


def test_the_program_gets_through_with_a_resumable_upload(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = serve(requests_per_minute=150, request_burst=3)
    account = one.new_account()
    monkeypatch.setenv("ENTREPOT_ENDPOINT", one.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", account.api_key)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "random.bin"
    file.write_bytes(os.urandom(MIN_RESUMABLE_BYTES))
    while account.api.get("/whoami").status_code == 200:
        pass
    assert run_program(["push", str(file), "--no-wait"]) == 0


def test_zero_is_no_limit(serve: Callable[..., Server]) -> None:
    one = serve(requests_per_minute=0, stranger_requests_per_minute=0, request_burst=1)
    account = one.new_account()
    for api, status in ((account.api, 200), (one.api(None), 401)):
        for _ in range(3):
            answer = api.get("/whoami")
            assert answer.status_code == status
            assert "ratelimit" not in answer.headers
            assert "ratelimit-policy" not in answer.headers


def test_what_is_used_comes_back_bit_by_bit() -> None:
    rate = Rate(60_000, burst=3)
    while not (spent := rate.take("a")).limited:
        assert spent.retry_after == 0
    assert (spent.retry_after, spent.remaining) == (1, 0)
    assert rate.take("b") == type(spent)(False, 2, 1, 0)
    wait_until(lambda: not rate.take("a").limited, "one more may come")
    assert Rate(6000, 1000).window == 10
    assert Rate(30, 30, minutes=5).window == 300


@pytest.mark.parametrize(("requests", "burst"), [(6000, 1000), (7, 3), (1, 1), (10**9, 10**4)])
def test_exactly_a_burst_passes_from_the_first_on(requests: int, burst: int) -> None:
    """Whatever the interval is as a float; what comes back meanwhile may let further ones pass."""
    rate, begin = Rate(requests, burst), time.monotonic()
    states = [rate.take("a") for _ in range(burst)]
    assert not any(state.limited for state in states)
    assert states[0].remaining == burst - 1
    one_more = rate.take("a")
    back = (time.monotonic() - begin) * requests / 60
    assert states[-1].remaining <= back
    assert one_more.limited or back >= 1


def test_made_up_addresses_take_no_memory_without_end() -> None:
    rate = Rate(1, burst=1)
    assert not rate.take("first").limited
    for number in range(MAX_COUNTERS + 10):
        rate.take(f"made-up {number}")
    assert rate.take(f"made-up {MAX_COUNTERS + 9}").limited
    assert not rate.take("first").limited  # forgotten long ago, as nobody asked for it


@pytest.mark.parametrize(
    ("address", "side"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 5000, "x" * 45),
    ],
)
def test_a_side_is_an_address_or_a_network(address: str, side: str) -> None:
    assert client_network(address) == side
