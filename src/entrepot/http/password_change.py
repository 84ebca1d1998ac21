"""Verify a password that came with a request, and hash a new one; for the API and the pages."""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from entrepot.accounts.passwords import DUMMY_HASH, check_password, hash_password
from entrepot.accounts.sign_in import PasswordHolder, record_failure
from entrepot.accounts.users import User
from entrepot.errors import SignInFailed
from entrepot.http.deps import get_runtime, read_request_origin


async def hash_new_password(password: str, user: User, field: str = "password") -> str:
    """The hash of a password that a user chose. Raises FieldInvalid if it is easy to guess."""
    # In a thread: both take some 100 ms.
    await run_in_threadpool(check_password, password, user.user_name, field)
    return await run_in_threadpool(hash_password, password)


async def verify_holder(
    request: Request, holder: PasswordHolder, password: str, browser: str | None = None
) -> None:
    """Check a user's password, and record it if it is wrong. `browser` names one that the user is
    known to use. Raises SignInFailed, TooManyAttempts."""
    runtime, origin = get_runtime(request), read_request_origin(request)
    user, stored = holder.user, holder.password_hash
    checks = runtime.password_checks
    if await checks.verify(user.user_name, stored, password, origin.address, browser):
        return
    database, now = runtime.parts.database, runtime.parts.clock()
    # Nobody waits for it: it would tell that the name exists.
    runtime.run_in_background(
        runtime.run_in_database_thread(database.write, record_failure, user, origin, now)
    )
    raise SignInFailed


async def verify_unknown(request: Request, user_name: str, password: str) -> None:
    """Take as long as `verify_holder` does, for a name that nobody has. Raises TooManyAttempts."""
    checks, origin = get_runtime(request).password_checks, read_request_origin(request)
    await checks.verify(user_name, DUMMY_HASH, password, origin.address, None)
