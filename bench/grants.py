"""Measure what the check of an entitlement costs a request: beside finding the file's row alone."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select

from bench.contenders import make_entrepot
from bench.listing import fill
from bench.pairs import Line, Measure, alternate, spread
from bench.trial import Trial
from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import authenticate, create_key
from entrepot.accounts.users import create_user
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.db.tables import files
from entrepot.db.types import ReadConnection
from entrepot.grants.access import access_readable
from entrepot.grants.entitlements import grant_entitlement
from entrepot.settings import read_settings

FILES = 1_000
TIMES = 5_000
MOST_MS = 0.2
BY_ID = select(files.c.id, files.c.account_id, files.c.owner_id).where(
    files.c.id == bindparam("file_id", type_=Uuid())
)


def grants(trial: Trial) -> list[Line]:
    """Of a user of another account, to whom each of a thousand files is shared by name, or to whose
    account it is; by the server's own functions on its own SQLite, in this process."""
    make_entrepot(trial.folder)
    fill(trial.folder / "data" / "entrepot.db", FILES)
    with closing(build_parts(read_settings(data=trial.folder / "data"))) as parts:
        with parts.database.reading() as conn:
            ids = list(conn.scalars(select(files.c.id)))
        contenders: dict[str, Measure] = {"row": _timed(parts, ids, _row)}
        owner = json.loads((trial.folder / "keys.json").read_text())["admin"]
        for name in ("user", "account"):
            guest = _guest(parts, owner, ids, name)
            contenders[name] = _timed(parts, ids, partial(_checked, guest))
        times = alternate(contenders, trial.pairs)
    row = times.pop("row")
    lines = [Line("the file's row alone, ms", f"{spread(row):.3f}")]
    for name, values in times.items():
        more = spread([one - alone for one, alone in zip(values, row, strict=True)])
        what = f"an entitlement of the {name} costs, ms"
        lines.append(Line(what, f"{more:.3f}", f"≤ {MOST_MS:g}", more.median <= MOST_MS))
    return lines


def _guest(parts: Parts, owner: str, ids: list[UUID], name: str) -> Actor:
    """A user of a new account, entitled to read each of the files by themselves or as one of it;
    `owner` is a key of who shares them."""
    now, account = parts.clock(), f"guests-{name}"
    with parts.database.writing() as conn:
        create_account(conn, account, 1, now)
        user = create_user(conn, f"{account}:guest", "member", now)
        key = create_key(conn, parts.secret, user, "bench", ("read",), now).api_key
        grantee = user.user_name if name == "user" else f"{account}:*"
        sharing = authenticate(conn, parts.secret, owner, now)
        for file_id in ids:
            grant_entitlement(conn, sharing, file_id, grantee, "r", None, now)
        return authenticate(conn, parts.secret, key, now)


def _timed(
    parts: Parts, ids: list[UUID], look: Callable[[ReadConnection, UUID], object]
) -> Measure:
    def measure() -> float:
        """Milliseconds of one look, the mean of some thousands in one transaction."""
        with parts.database.reading() as conn:
            began = time.perf_counter()
            for number in range(TIMES):
                look(conn, ids[number % len(ids)])
            return (time.perf_counter() - began) / TIMES * 1_000

    return measure


def _row(conn: ReadConnection, file_id: UUID) -> object:
    return conn.execute(BY_ID, {"file_id": file_id}).one()


def _checked(guest: Actor, conn: ReadConnection, file_id: UUID) -> object:
    return access_readable(conn, guest, file_id)
