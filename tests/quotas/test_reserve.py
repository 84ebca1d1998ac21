"""Reservations: made in one statement, waited for, settled, released, and released after a
crash."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert

from entrepot.accounts.accounts import create_account, set_quota
from entrepot.accounts.actor import AccountId
from entrepot.db.engine import Database
from entrepot.db.tables import uploads
from entrepot.errors import QuotaExceeded, QuotaTooSmall, TooManyUploads, UploadInterrupted
from entrepot.quotas.reserve import (
    RESERVATION_LIFETIME,
    ReservationId,
    Usage,
    get_usage,
    grow_reservation,
    open_reservation,
    refund,
    release_expired,
    release_reservation,
    renew_reservation,
    settle_reservation,
)
from entrepot.quotas.unreserved import ReservationNeeded, use_unreserved
from entrepot.quotas.upload_reservations import merge_reservations, reserve_upload
from entrepot.settings import Settings

NOW = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.fixture
def database(migrated: tuple[Database, Settings]) -> Database:
    return migrated[0]


@pytest.fixture
def account(database: Database) -> AccountId:
    return database.write(create_account, "acme", 100, NOW).id


def open_one(database: Database, account: AccountId, seconds: int = 0) -> ReservationId:
    return database.write(open_reservation, account, 100, NOW + timedelta(seconds=seconds))


def grow(
    database: Database, account: AccountId, reservation: ReservationId, needed: int, preferred: int
) -> int | None:
    return database.write(grow_reservation, account, reservation, needed, preferred, NOW)


def test_grow_settle_and_refund(database: Database, account: AccountId) -> None:
    one = open_one(database, account)
    assert grow(database, account, one, 10, 60) == 60
    assert grow(database, account, one, 20, 20) == 60
    assert database.read(get_usage, account) == Usage(100, 0, 60, 0)
    database.write(settle_reservation, account, one, 45)
    assert database.read(get_usage, account) == Usage(100, 45, 0, 0)
    database.write(refund, account, 45)
    assert database.read(get_usage, account).free == 100


def test_bytes_without_a_reservation_are_used_if_they_are_free(
    database: Database, account: AccountId
) -> None:
    one = open_one(database, account)
    grow(database, account, one, 30, 30)
    database.write(use_unreserved, account, 60, 2, NOW)
    with pytest.raises(ReservationNeeded):
        database.write(use_unreserved, account, 11, 2, NOW)
    database.write(use_unreserved, account, 10, 2, NOW)
    assert database.read(get_usage, account) == Usage(100, 70, 30, 0)


def test_bytes_without_a_reservation_need_a_place(database: Database, account: AccountId) -> None:
    open_one(database, account)
    with pytest.raises(ReservationNeeded):
        database.write(use_unreserved, account, 10, 1, NOW)
    assert database.read(get_usage, account) == Usage(100, 0, 0, 0)
    database.write(use_unreserved, account, 10, 1, NOW + 2 * RESERVATION_LIFETIME)


def test_less_than_wished_where_more_does_not_fit(database: Database, account: AccountId) -> None:
    one, two = open_one(database, account), open_one(database, account, 1)
    assert grow(database, account, one, 50, 70) == 70
    assert grow(database, account, two, 30, 1000) == 30
    assert database.read(get_usage, account) == Usage(100, 0, 100, 0)


def test_what_can_never_fit_is_refused_at_once(database: Database, account: AccountId) -> None:
    one = open_one(database, account)
    with pytest.raises(QuotaExceeded) as caught:
        grow(database, account, one, 101, 101)
    assert (caught.value.limit, caught.value.requested) == (100, 101)
    assert database.read(get_usage, account) == Usage(100, 0, 0, 0)


def test_the_youngest_gives_up_when_all_wait(database: Database, account: AccountId) -> None:
    old, young = open_one(database, account), open_one(database, account, 1)
    assert grow(database, account, old, 50, 50) == 50
    assert grow(database, account, young, 50, 50) == 50
    assert grow(database, account, old, 80, 80) is None
    with pytest.raises(QuotaExceeded):
        grow(database, account, young, 80, 80)
    database.write(release_reservation, account, young)
    assert grow(database, account, old, 80, 80) == 80


def test_the_youngest_waits_while_another_moves(database: Database, account: AccountId) -> None:
    old, young = open_one(database, account), open_one(database, account, 1)
    grow(database, account, old, 60, 60)
    assert grow(database, account, young, 50, 50) is None
    database.write(release_reservation, account, old)
    assert grow(database, account, young, 50, 50) == 50


def test_a_reservation_that_is_gone(database: Database, account: AccountId) -> None:
    one = open_one(database, account)
    grow(database, account, one, 10, 10)
    database.write(release_reservation, account, one)
    database.write(release_reservation, account, one)
    assert database.read(get_usage, account) == Usage(100, 0, 0, 0)
    with pytest.raises(UploadInterrupted):
        grow(database, account, one, 20, 20)
    with pytest.raises(UploadInterrupted):
        database.write(settle_reservation, account, one, 10)


def test_no_more_is_settled_than_was_reserved(database: Database, account: AccountId) -> None:
    one = open_one(database, account)
    grow(database, account, one, 10, 10)
    with pytest.raises(UploadInterrupted):
        database.write(settle_reservation, account, one, 11)
    assert database.read(get_usage, account) == Usage(100, 0, 10, 0)


def test_the_dead_give_back_what_they_held(database: Database, account: AccountId) -> None:
    dead_upload, live_upload = open_one(database, account), open_one(database, account)
    grow(database, account, dead_upload, 10, 10)
    grow(database, account, live_upload, 20, 20)
    later = NOW + RESERVATION_LIFETIME + timedelta(seconds=1)
    database.write(renew_reservation, live_upload, later - timedelta(minutes=1))
    assert database.write(release_expired, later) == 1
    assert database.read(get_usage, account) == Usage(100, 0, 20, 0)
    assert database.write(release_expired, later) == 0


def test_only_so_many_at_once(database: Database, account: AccountId) -> None:
    first = database.write(open_reservation, account, 2, NOW)
    database.write(open_reservation, account, 2, NOW)
    with pytest.raises(TooManyUploads):
        database.write(open_reservation, account, 2, NOW)
    database.write(release_reservation, account, first)
    assert database.write(open_reservation, account, 2, NOW)
    # Those that died count no more.
    assert database.write(open_reservation, account, 2, NOW + 2 * RESERVATION_LIFETIME)


def test_a_quota_below_what_is_held_is_refused(database: Database, account: AccountId) -> None:
    one = open_one(database, account)
    grow(database, account, one, 60, 60)
    with pytest.raises(QuotaTooSmall):
        database.write(set_quota, "acme", 59)
    assert database.write(set_quota, "acme", 60).quota == 60


def test_many_at_once_never_take_more_than_there_is(database: Database, account: AccountId) -> None:
    def take(n: int) -> int:
        one = open_one(database, account, n)
        try:
            return grow(database, account, one, 7, 7) or 0
        except QuotaExceeded:
            return 0

    with ThreadPoolExecutor(8) as threads:
        reserved = sum(threads.map(take, range(40)))
    assert reserved == 14 * 7
    assert database.read(get_usage, account) == Usage(100, 0, 14 * 7, 0)


def test_a_hold_ends_with_nothing_but_its_upload(database: Database, account: AccountId) -> None:
    """It only takes up bytes: it is not counted, not waited for, and not released by the sweep."""
    upload_id = uuid4()
    with database.writing() as conn:
        reserve_upload(conn, account, upload_id, 60, NOW, NOW)
        row = {"id": upload_id, "account_id": account, "user_id": uuid4(), "size": 60, "told": ""}
        conn.execute(insert(uploads).values(**row, created_at=NOW, expires_at=NOW))
    one = database.write(open_reservation, account, 1, NOW)
    with pytest.raises(QuotaExceeded):  # immediately: no other upload may release bytes
        grow(database, account, one, 41, 41)
    assert database.write(release_expired, NOW + 9 * RESERVATION_LIFETIME) == 1
    assert database.read(get_usage, account) == Usage(100, 0, 60, 0)


def test_holds_are_gathered_also_for_another_account(
    database: Database, account: AccountId
) -> None:
    parts, whole = [uuid4(), uuid4()], uuid4()
    other = database.write(create_account, "other", 50, NOW).id
    for part in parts:
        database.write(reserve_upload, account, part, 30, NOW + RESERVATION_LIFETIME, NOW)
    owned_parts = [(account, part) for part in parts]
    with pytest.raises(QuotaExceeded) as caught:
        database.write(merge_reservations, owned_parts, other, whole, 60, NOW)
    assert (caught.value.limit, caught.value.requested) == (50, 60)
    assert database.read(get_usage, account) == Usage(100, 0, 60, 0)
    reservation = database.write(merge_reservations, owned_parts, account, whole, 60, NOW)
    database.write(settle_reservation, account, reservation, 60)
    assert database.read(get_usage, account) == Usage(100, 60, 0, 0)
    assert database.read(get_usage, other) == Usage(50, 0, 0, 0)
