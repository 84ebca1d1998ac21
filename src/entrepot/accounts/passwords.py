"""Passwords: how strong one must be, its hash, and whether one fits a hash.

Hashed with Argon2id (RFC 9106) with 64 MiB and three passes. A password is judged by how many
guesses an attacker needs who knows lists of passwords, words, keyboards and the user's name
(zxcvbn), not by which kinds of characters it has (NIST SP 800-63B, 3.1.1.2).
"""

from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from entrepot.errors import FieldInvalid

MIN_PASSWORD_CHARS = 12
"""Characters. Above the 8 that NIST SP 800-63B requires."""
MAX_PASSWORD_CHARS = 200
"""Characters: more than any person types, and few enough to hash and to judge."""
MIN_STRENGTH = 3
"""Of 0 to 4: at least 10^8 guesses (zxcvbn)."""
JUDGED_CHARS = 72
"""Characters that the strength is judged by: the time that this takes grows with their square,
and is at most 150 ms for this many."""

_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=1$7g8m2OM0JV+0g/g1T6vQ9g$"
    "kWj0ShkHjQy7PIIAWJ54vr98LEGOUZ9E3pYhweRmVko"
)
"""The hash of an unknown password. Checking it makes unknown names take as long as known ones."""


def check_password(password: str, user_name: str, field: str = "password") -> None:
    """Check that a password is strong enough for a user. Takes up to 150 ms.

    Raises FieldInvalid with what is wrong with its length, or what makes it easy to guess.
    """
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise FieldInvalid(
            field=field,
            reason=f"must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters; "
            f"it has {len(password):,}.",
            example="three or four words that do not belong together",
        )
    from zxcvbn import zxcvbn  # takes 0.1 s to import, which no start should take

    words = [user_name, *user_name.split(":"), "entrepot"]
    judged = zxcvbn(password[:JUDGED_CHARS], user_inputs=words)
    if judged["score"] < MIN_STRENGTH:
        feedback = judged["feedback"]
        reason = _reason(feedback["warning"], feedback["suggestions"])
        raise FieldInvalid(field=field, reason=reason)


def hash_password(password: str) -> str:
    """The Argon2id hash of a password that was checked. Takes some 100 ms on purpose."""
    return _hasher.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password matches the hash. Takes some 100 ms on purpose."""
    if len(password) > MAX_PASSWORD_CHARS:
        return False
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _reason(warning: str, suggestions: Iterable[str]) -> str:
    sentences = [warning, *suggestions]
    advice = " ".join(f"{sentence.rstrip('.')}." for sentence in sentences if sentence)
    return f"is easy to guess. {advice or 'Add another word or two. Uncommon words are better.'}"
