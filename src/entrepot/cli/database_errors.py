"""Say in one sentence why a database cannot be used, instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import ArgumentError, DBAPIError

from entrepot.db.engine import database_url
from entrepot.errors import StartRefused
from entrepot.settings import Settings

POSTGRESQL_EXAMPLE = "postgresql://entrepot@db.example.com:5432/entrepot"
ADVICE = {
    "28": "Check the user and the password in ENTREPOT_DATABASE.",
    "3D000": "Create the database, or correct its name in ENTREPOT_DATABASE.",
    "3F000": "Make the user of ENTREPOT_DATABASE the owner of the database and of its schema.",
    "42501": "Make the user of ENTREPOT_DATABASE the owner of the database and of its tables.",
    "53300": "Raise max_connections of PostgreSQL, or end other programs that use it.",
    "57P03": "PostgreSQL starts or stops just now; try again in a moment.",
}
"""What to do about an SQLSTATE, or about the class that its first two characters name
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


@contextmanager
def explain_database_errors(settings: Settings) -> Iterator[None]:
    """Turn what a driver raises in the block into StartRefused."""
    try:
        yield
    except ArgumentError as error:
        raise StartRefused(
            reason=f"ENTREPOT_DATABASE is not the address of a PostgreSQL database ({error}). "
            f"One looks like {POSTGRESQL_EXAMPLE}."
        ) from None
    except DBAPIError as error:
        raise StartRefused(
            reason=f"The database {database_url(settings)} cannot be used: {_first_line(error)}. "
            f"{_advice(settings, error)}"
        ) from error


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error.orig).__name__


def _advice(settings: Settings, error: DBAPIError) -> str:
    if settings.embedded:
        return "Check the data folder, its disk and its permissions, or name another with --data."
    state = getattr(error.orig, "sqlstate", None) or ""
    known = ADVICE.get(state) or ADVICE.get(state[:2])
    if known is None:  # a failure to sign in has no SQLSTATE in psycopg: only its words tell
        message = str(error.orig)
        named = {
            "authentication failed": "28", "does not exist": "3D000", "too many clients": "53300",
            "starting up": "57P03", "shutting down": "57P03",
        }  # fmt: skip
        known = next((ADVICE[code] for words, code in named.items() if words in message), None)
    return known or "Check that PostgreSQL runs, and the address in ENTREPOT_DATABASE."
