"""Keys' shape, checksums and digests; scopes and names as they are written."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.accounts.accounts import check_name
from entrepot.accounts.actor import parse_scopes
from entrepot.accounts.secrets import is_well_formed, keyed_digest, new_key, new_token
from entrepot.accounts.users import split_user_name
from entrepot.errors import FieldInvalid


@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_well_formed(entropy: bytes) -> None:
    key = new_key(lambda _: entropy)
    assert len(key) == 53
    assert key.startswith("epk_")
    assert set(key[4:]) <= set(string.ascii_letters + string.digits)
    assert is_well_formed(key)


@given(st.binary(min_size=32, max_size=32), st.integers(4, 52), st.sampled_from("0aZ_"))
def test_a_key_with_one_wrong_character_is_not(entropy: bytes, at: int, other: str) -> None:
    key = new_key(lambda _: entropy)
    changed = key[:at] + other + key[at + 1 :]
    assert is_well_formed(changed) == (changed == key)


@given(st.text(max_size=80))
def test_what_is_no_key_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


def test_keys_and_tokens_never_repeat() -> None:
    assert len({new_key() for _ in range(1000)} | {new_token() for _ in range(1000)}) == 2000


def test_a_digest_depends_on_secret_and_purpose() -> None:
    digests = {
        keyed_digest(secret, purpose, "token")
        for secret in (b"one", b"two")
        for purpose in ("key", "session", "link")
    }
    assert len(digests) == 6
    assert {len(digest) for digest in digests} == {32}


def test_scopes() -> None:
    assert parse_scopes("admin, read,read") == ("read", "admin")
    for text in ("", " , ", "root", "read write"):
        with pytest.raises(ValueError, match="scope"):
            parse_scopes(text)


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "x" * 63])
def test_sound_names(name: str) -> None:
    assert check_name("account", name) == name
    assert split_user_name(f"{name}:{name}") == (name, name)


@pytest.mark.parametrize("name", ["", "A", "-a", ".a", "a b", "a/b", "a:b", "ä", "x" * 64, "a\n"])
def test_unsound_names(name: str) -> None:
    with pytest.raises(FieldInvalid):
        check_name("account", name)
