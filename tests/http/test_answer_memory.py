"""What clients do not read takes a bounded part of the memory, whoever they are."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.http.test_unread_answers import MIB, SIZE, unread
from tests.support.api import assert_problem
from tests.support.server import Server, make_server
from tests.support.wait import wait_until

from entrepot.errors import AnswerMemoryFull, TooMuchUnread
from entrepot.http.limits.answer_memory import AnswerMemory, large_answer, unread_bytes
from entrepot.http.limits.blocks import SMALL_BYTES

Serve = Callable[..., Server]

MEMORY = 24 * MIB


@pytest.fixture(scope="module")
def tight() -> Iterator[Server]:
    """A server with little memory for answers, and many places for downloads."""
    made = make_server(answer_memory=MEMORY, downloads_per_account=1_000, send_timeout=600)
    try:
        yield made.start()
    finally:
        made.close()


def test_a_party_may_hold_what_is_left_for_others() -> None:
    memory = AnswerMemory(1_000)
    with ExitStack() as stack:
        for party, most in (("a", 5), ("b", 2), ("c", 1)):
            for _ in range(most):
                stack.enter_context(memory.hold(party, 100))
            with pytest.raises(TooMuchUnread) as caught:
                stack.enter_context(memory.hold(party, 100 * (5 - most) or 100))
            assert caught.value.held == 100 * most
        with pytest.raises(AnswerMemoryFull):
            stack.enter_context(memory.hold("d", 300))
        stack.enter_context(memory.hold("d", 100))
        stack.enter_context(memory.hold("e", 5_000, refuse=False))
    with memory.hold("a", 5_000):
        pass


def test_one_account_holds_half_and_others_are_served(tight: Server) -> None:
    """Also where it has places left."""
    greedy, other = tight.new_account(), tight.new_account()
    path, other_path = (
        f"/file/download/{each.api.deliver(os.urandom(SIZE), name='l.bin', limit=SIZE)['file_id']}"
        for each in (greedy, other)
    )
    ranges = {"Range": "bytes=1-8388608"}
    with ExitStack() as stack:
        seen: Counter[bytes] = Counter()
        while not seen[b"429"]:
            seen[unread(greedy, path, stack, ranges)] += 1
        assert 1 <= seen[b"206"] <= MEMORY // 2 // unread_bytes(SMALL_BYTES)
        refused = greedy.api.get(path, headers=ranges)
        assert 0 < assert_problem(refused, 429, "too-much-unread")["held"] <= MEMORY // 2
        assert refused.headers["retry-after"] == "5"
        assert other.api.get(other_path, headers=ranges).status_code == 206
        assert greedy.api.get("/files").status_code == 200
    wait_until(lambda: greedy.api.get(path, headers=ranges).status_code == 206, "memory is free")


def test_many_accounts_leave_something_for_one_more_or_it_is_told_when_to_come(
    tight: Server,
) -> None:
    accounts = [tight.new_account() for _ in range(8)]
    ranges = {"Range": "bytes=1-8388608"}
    with ExitStack() as stack:
        statuses: Counter[bytes] = Counter()
        for account in accounts:
            file_id = account.api.deliver(os.urandom(SIZE), name="l.bin", limit=SIZE)["file_id"]
            path, status = f"/file/download/{file_id}", b"206"
            while status == b"206":
                status = unread(account, path, stack, ranges)
                statuses[status] += 1
        assert statuses[b"503"] >= 1
        answer = account.api.get(path, headers=ranges)
        assert_problem(answer, 503, "answer-memory-full", limit=MEMORY)
        assert answer.headers["retry-after"] == "5"
        assert account.api.get("/files").status_code == 200


def test_who_has_no_account_counts_by_network() -> None:
    """Of IPv6 a network of 64 bits, which one host may have whole."""
    memory = AnswerMemory(1_000)
    client = {"client": ("2001:db8::1", 5)}, {"client": ("2001:db8::2", 6)}
    with large_answer(memory, client[0], 400):
        with pytest.raises(TooMuchUnread), large_answer(memory, client[1], 400):
            pass
        with large_answer(memory, {"client": ("2001:db8:1::1", 5)}, 300):
            pass
