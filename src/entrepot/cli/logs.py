"""Logs on stderr, one line per event: for people on a terminal, as JSON elsewhere.

No secret reaches a log: our code never logs keys or passwords, and `_redact` removes what a library
may log.
"""

import json
import logging
import sys
from typing import Any

import structlog

from entrepot.settings import Settings
from entrepot.texts.log_lines import REQUEST_ID, redact, timestamp, writes_for_people

LEVEL_NAMES = {"exception": "error", "warn": "warning"}
"""Levels of lines by the methods that write them, where they differ."""
ENCODER = json.JSONEncoder(default=repr)


def configure_logs(settings: Settings) -> None:
    """Set up structlog and the standard logging of libraries for this process."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [structlog.contextvars.merge_contextvars, _complete, _shorten_outage]
    renderer: Any = _render_json
    if writes_for_people(settings.log_format):
        # The formatter that structlog chooses if rich is there prints local variables: secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        shared.append(structlog.processors.format_exc_info)
    shared.append(_redact)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _complete(_logger: Any, name: str, event: Any) -> Any:
    """Add what every line has."""
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    event["level"] = LEVEL_NAMES.get(name, name)
    event["timestamp"] = timestamp()
    return event


def _shorten_outage(_logger: Any, _name: str, event: Any) -> Any:
    """Of a database or a store that does not answer now, say why instead of where: it is tried
    again and again meanwhile."""
    error = event.get("exc_info")
    error = sys.exc_info()[1] if error is True else error
    if isinstance(error, Exception):
        from entrepot.db.unavailable import is_unavailable  # no start loads it for this
        from entrepot.errors import StoreUnavailable

        if is_unavailable(error) or isinstance(error, StoreUnavailable):
            del event["exc_info"]
            event["level"], event["reason"] = "warning", str(error).partition("\n")[0]
    return event


def _render_json(_logger: Any, _name: str, event: Any) -> str:
    return ENCODER.encode(event)


def _redact(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event
