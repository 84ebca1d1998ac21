"""What is read and then written, by many at the same time, on both databases."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.support.together import all_at_once

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import SCOPES, Actor
from entrepot.accounts.key_networks import MAX_NEW_NETWORKS, note_network
from entrepot.accounts.keys import (
    MAX_KEYS_PER_USER,
    NewKey,
    authenticate,
    create_key,
    issue_key,
    list_keys,
    revoke_key,
)
from entrepot.accounts.links import create_link, use_link
from entrepot.accounts.sessions import MAX_SESSIONS_PER_USER, authenticate_session
from entrepot.accounts.sign_in import (
    FAILURES_WINDOW,
    change_password,
    find_password,
    record_failure,
    set_password,
    sign_in,
)
from entrepot.accounts.users import (
    User,
    change_user,
    create_user,
    delete_user,
    keep_user,
    list_users,
)
from entrepot.activity.record import RequestOrigin
from entrepot.db.engine import Database
from entrepot.db.tables import activity, failed_sign_ins, key_networks, sessions
from entrepot.db.types import WriteConnection
from entrepot.errors import LastAdmin, NameTaken, NotFound, SignInFailed, TooManyKeys

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SECRET = b"of the tests"
ORIGIN = RequestOrigin("203.0.113.5", "of-the-tests")
AT_ONCE = 8
"""Threads: as many connections as the pool has."""


@pytest.fixture
def account(database: Database) -> str:
    name = f"t{uuid4().hex[:10]}"
    database.write(create_account, name, 1_000, NOW)
    return name


def new_user(database: Database, account: str, name: str, role: str = "admin") -> User:
    return database.write(create_user, f"{account}:{name}", role, NOW)


def actor_of(database: Database, user: User) -> Actor:
    made = database.write(create_key, SECRET, user, "", SCOPES, NOW)
    return database.read(authenticate, SECRET, made.api_key, NOW)


def results(outcomes: Sequence[object], kind: type) -> int:
    """How many are of that kind; the others must not be unforeseen."""
    return sum(isinstance(outcome, kind) for outcome in outcomes)


def test_one_link_makes_one_session(database: Database, account: str) -> None:
    user = new_user(database, account, "ann")
    token, _ = database.write(create_link, SECRET, user, NOW)
    use = partial(database.write, use_link, SECRET, token, "hash", None, NOW)
    outcomes = all_at_once(*[use] * AT_ONCE)
    assert (results(outcomes, tuple), results(outcomes, SignInFailed)) == (1, AT_ONCE - 1)
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).where(sessions.c.user_id == user.id)) == 1


@pytest.mark.parametrize("how", ["demoted", "disabled", "deleted"])
def test_two_admins_cannot_end_each_other(database: Database, account: str, how: str) -> None:
    ann, bob = new_user(database, account, "ann"), new_user(database, account, "bob")
    actors = actor_of(database, ann), actor_of(database, bob)

    def end(actor: Actor, other: User) -> None:
        if how == "deleted":
            database.write(delete_user, actor, other.user_name, NOW)
        else:
            change = {"role": "member"} if how == "demoted" else {"disabled": True}
            database.write(change_user, actor, other.user_name, NOW, **change)

    outcomes = all_at_once(partial(end, actors[0], bob), partial(end, actors[1], ann))
    assert results(outcomes, LastAdmin) == 1, outcomes
    assert results(outcomes, type(None)) == 1, outcomes
    users = database.read(list_users, actors[0], 10)
    assert [user.role for user in users if not user.disabled].count("admin") == 1


def test_first_failures_of_one_name_are_all_counted(database: Database, account: str) -> None:
    user = new_user(database, account, "ann")
    fail = partial(database.write, record_failure, user, ORIGIN, NOW)
    outcomes = all_at_once(*[fail] * AT_ONCE)
    assert results(outcomes, type(None)) == AT_ONCE, outcomes
    with database.reading() as conn:
        counted = select(failed_sign_ins.c.failures)
        assert conn.scalar(counted.where(failed_sign_ins.c.name == user.user_name)) == AT_ONCE


def test_a_flood_of_failures_takes_a_few_rows(database: Database, account: str) -> None:
    user = new_user(database, account, "ann")

    def fail(conn: WriteConnection, moment: datetime) -> None:
        for _ in range(150):
            record_failure(conn, user, ORIGIN, moment)

    for moment in (NOW, NOW + FAILURES_WINDOW + timedelta(seconds=1)):
        database.write(fail, moment)
    with database.reading() as conn:
        of_user = activity.c.user_id == user.id, activity.c.action == "session.fail"
        details = conn.scalars(select(activity.c.detail).where(*of_user).order_by(activity.c.id))
        assert [detail["failures"] for detail in details] == [1, 10, 100] * 2


def test_a_verified_password_that_was_replaced_opens_no_session(
    database: Database, account: str
) -> None:
    user = new_user(database, account, "ann")
    database.write(set_password, user, "first", NOW)
    holder = database.read(find_password, user.user_name)
    assert holder is not None
    database.write(sign_in, SECRET, holder, ORIGIN, NOW)
    database.write(set_password, user, "second", NOW)
    for end in (
        partial(database.write, sign_in, SECRET, holder, ORIGIN, NOW),
        partial(database.write, change_password, holder, "third", ORIGIN, NOW),
    ):
        with pytest.raises(SignInFailed):
            end()
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).where(sessions.c.user_id == user.id)) == 0


def test_a_user_has_so_many_sessions(database: Database, account: str) -> None:
    user = new_user(database, account, "ann")
    database.write(set_password, user, "hash", NOW)
    holder = database.read(find_password, user.user_name)
    assert holder is not None
    for second in range(MAX_SESSIONS_PER_USER + 2):
        moment = NOW + timedelta(seconds=second)
        token = database.write(sign_in, SECRET, holder, ORIGIN, moment)
    with database.reading() as conn:
        count = conn.scalar(select(func.count()).where(sessions.c.user_id == user.id))
        assert count == MAX_SESSIONS_PER_USER
        assert authenticate_session(conn, SECRET, token, NOW).user_id == user.id


def test_a_key_used_from_everywhere_takes_a_few_rows(database: Database, account: str) -> None:
    actor = actor_of(database, new_user(database, account, "ann"))
    assert actor.key_id is not None

    def use_from_everywhere(conn: WriteConnection, moment: datetime) -> None:
        for number in range(MAX_NEW_NETWORKS + 10):
            network = f"2001:db8:{number:x}::/64"
            note_network(conn, actor.key_id, network, ORIGIN, moment)

    for days in (0, 1, 2):
        database.write(use_from_everywhere, NOW + timedelta(days=days, seconds=days))
    with database.reading() as conn:
        of_key = activity.c.key_id == actor.key_id, activity.c.action == "key.first-use"
        assert conn.scalar(select(func.count()).where(*of_key)) == MAX_NEW_NETWORKS + 10
        networks = select(func.count()).where(key_networks.c.key_id == actor.key_id)
        assert conn.scalar(networks) == MAX_NEW_NETWORKS + 10


def test_one_name_is_given_once(database: Database, account: str) -> None:
    user_name, account_name = f"{account}:ann", f"t{uuid4().hex[:10]}"
    for create in (
        partial(database.write, create_user, user_name, "member", NOW),
        partial(database.write, create_account, account_name, 1, NOW),
    ):
        outcomes = all_at_once(*[create] * AT_ONCE)
        assert results(outcomes, NameTaken) == AT_ONCE - 1, outcomes


def test_the_last_place_for_a_key_is_given_once(database: Database, account: str) -> None:
    user = new_user(database, account, "ann")
    actor = actor_of(database, user)

    def fill(conn: WriteConnection) -> None:
        for _ in range(MAX_KEYS_PER_USER - 2):
            create_key(conn, SECRET, user, "", ("read",), NOW)

    database.write(fill)
    issue = partial(database.write, issue_key, actor, SECRET, "", ("read",), NOW)
    outcomes = all_at_once(*[issue] * AT_ONCE)
    assert results(outcomes, TooManyKeys) == AT_ONCE - 1, outcomes
    keys = database.read(list_keys, actor, 1_000)
    assert len(keys) == MAX_KEYS_PER_USER
    database.write(revoke_key, actor, keys[-1].id, NOW)
    database.write(issue_key, actor, SECRET, "", ("read",), NOW, NOW + timedelta(days=1))
    with pytest.raises(TooManyKeys):
        issue()
    later = NOW + timedelta(days=2)  # one of them has expired
    database.write(issue_key, actor, SECRET, "", ("read",), later)


def test_a_key_is_revoked_and_recorded_once(database: Database, account: str) -> None:
    actor = actor_of(database, new_user(database, account, "ann"))
    (key,) = database.read(list_keys, actor, 10)
    outcomes = all_at_once(*[partial(database.write, revoke_key, actor, key.id, NOW)] * AT_ONCE)
    assert (results(outcomes, type(None)), results(outcomes, NotFound)) == (1, AT_ONCE - 1)
    with database.reading() as conn:
        revoked = activity.c.account_id == actor.account_id, activity.c.action == "key.revoke"
        assert conn.scalar(select(func.count()).where(*revoked)) == 1


def test_a_user_is_deleted_once(database: Database, account: str) -> None:
    actor = actor_of(database, new_user(database, account, "ann"))
    user = new_user(database, account, "bob", "member")
    delete = partial(database.write, delete_user, actor, user.user_name, NOW)
    outcomes = all_at_once(*[delete] * AT_ONCE)
    assert (results(outcomes, type(None)), results(outcomes, NotFound)) == (1, AT_ONCE - 1)


def test_keys_of_a_user_who_is_deleted_meanwhile(database: Database, account: str) -> None:
    actor = actor_of(database, new_user(database, account, "ann"))
    for turn in range(4):
        user = new_user(database, account, f"bob{turn}", "member")
        make = partial(database.write, create_key, SECRET, user, "", ("read",), NOW)
        delete = partial(database.write, delete_user, actor, user.user_name, NOW)
        deleted, *made = all_at_once(delete, *[make] * 4)
        assert deleted is None
        assert results(made, NewKey) + results(made, NotFound) == 4, made
        with database.writing() as conn:
            assert not keep_user(conn, user.id)


def test_who_is_kept_is_disabled_without_waiting(database: Database, account: str) -> None:
    """Who acts as the user holds them and may wait for the account that the deletion holds."""
    actor = actor_of(database, new_user(database, account, "ann"))
    user = new_user(database, account, "bob", "member")
    if database.embedded:  # one writer at a time
        return
    with database.writing() as conn:
        assert keep_user(conn, user.id)
        database.write(delete_user, actor, user.user_name, NOW)
    (bob,) = [each for each in database.read(list_users, actor, 10) if each.id == user.id]
    assert bob.disabled
