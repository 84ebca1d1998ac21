"""Errors of access: missing or wrong credentials and rights, and things that the caller may not
see."""

from dataclasses import dataclass

from entrepot.errors.base import EntrepotError
from entrepot_client.counts import counted


@dataclass(eq=False)
class NotAuthenticated(EntrepotError):
    """No valid API key came with the request. `reason` never repeats the key."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class NotFound(EntrepotError):
    """Not found, or you do not have access.

    Has no fields on purpose: the answer for another account's thing, a malformed id and a
    thing that never existed must be byte-identical.
    """


@dataclass(eq=False)
class NotAllowed(EntrepotError):
    """The caller may see the resource, but not do this with it."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class AccountSuspended(EntrepotError):
    """The account is suspended: nothing is read or delivered until the operator resumes it."""


@dataclass(eq=False)
class ScopeMissing(EntrepotError):
    """The key lacks the scope that the operation needs."""

    required: str
    scopes: tuple[str, ...]

    def __str__(self) -> str:
        scopes = ", ".join(self.scopes) or "none"
        return f"This needs a key with the scope {self.required}; this one has: {scopes}."


@dataclass(eq=False)
class SignInFailed(EntrepotError):
    """The user name and the password do not belong together, or the user is disabled."""


@dataclass(eq=False)
class TooManyAttempts(EntrepotError):
    """Too many attempts to sign in; wait `retry_after` seconds."""

    retry_after: int

    def __str__(self) -> str:
        if self.retry_after < 120:
            return (
                f"Too many attempts to sign in. Try again in {counted(self.retry_after, 'second')}."
            )
        minutes = -(-self.retry_after // 60)
        return f"Too many attempts to sign in. Try again in {counted(minutes, 'minute')}."


@dataclass(eq=False)
class LinkEnded(EntrepotError):
    """This link has ended: it expired, was revoked or used up, or what it leads to is gone.

    Has no fields on purpose: it does not say which.
    """


@dataclass(eq=False)
class LinkPasswordRequired(EntrepotError):
    """A link needs a password, which did not come with the request or is wrong."""

    reason: str

    def __str__(self) -> str:
        return self.reason
