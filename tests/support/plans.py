"""How a database executes the queries of a package's function."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import event

from entrepot.accounts.actor import SCOPES, Actor, Role
from entrepot.accounts.users import User
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection


def plans_of(
    database: Database, conn: ReadConnection, act: Callable[[], object]
) -> list[tuple[str, str]]:
    """The statements that an act runs, each with the database's plan of it."""
    ran: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        ran.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    act()
    event.remove(database.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if database.embedded else "EXPLAIN"
    return [
        (sql, "\n".join(str(row[-1]) for row in conn.exec_driver_sql(f"{explain} {sql}", values)))
        for sql, values in ran
    ]


def actor_of(user: User, now: datetime) -> Actor:
    """A user with every scope."""
    role: Role = "admin" if user.role == "admin" else "member"
    account = user.user_name.split(":")[0]
    return Actor(
        user.id, user.user_name, user.account_id, account, role, SCOPES, None, None, at=now
    )
