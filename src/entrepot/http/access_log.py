"""The line that the log has for each request."""

import logging
import sys
from json.encoder import encode_basestring_ascii as quote
from uuid import UUID

import structlog
from starlette.types import Scope

from entrepot.http.places import path_without_secret
from entrepot.settings import Settings
from entrepot.texts.log_lines import redact, timestamp, writes_for_people

log = structlog.get_logger("entrepot.access")

PARTIES = ("account_id", "user_id", "key_id", "link_id")
"""What a request's scope says of who asked, once it is known."""


class AccessLog:
    """Writes a line for each request that has ended.

    JSON lines are made here, with the members that `cli.logs` gives every line: by way of
    structlog's processors a line takes a tenth of a small download. For people it is their renderer
    that makes it.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_on = logging.getLevelName(settings.log_level.upper()) <= logging.INFO
        self._for_people = writes_for_people(settings.log_format)

    def write(self, scope: Scope, status: int, seconds: float, task_id: str | None) -> None:
        """A line on a request; `status` is 0 if it was never answered. `task_id` is the task that
        came of it."""
        if not self._is_on:
            return
        ids: dict[str, UUID | str] = {
            name: scope[name] for name in PARTIES if scope.get(name) is not None
        }
        if task_id is not None:
            ids["task_id"] = task_id
        method, path = scope["method"], redact(path_without_secret(scope["path"]))
        client = (scope.get("client") or ("", 0))[0]
        ms = round(seconds * 1000, 1)
        if self._for_people:
            parties = {name: str(each) for name, each in ids.items()}
            log.info(
                "request", method=method, path=path, status=status, ms=ms, client=client, **parties
            )
            return
        parties_text = "".join(f'"{name}": {quote(str(each))}, ' for name, each in ids.items())
        sys.stderr.write(
            f'{{"method": {quote(method)}, "path": {quote(path)}, "status": {status}, "ms": {ms}, '
            f'"client": {quote(client)}, {parties_text}"event": "request", '
            f'"request_id": "{scope["request_id"]}", "level": "info", '
            f'"timestamp": "{timestamp()}"}}\n'
        )
        sys.stderr.flush()
