"""Logs on stderr, one line per event: for people on a terminal, as JSON elsewhere.

No secret reaches a log: our code never logs keys or passwords, and `_redact` removes what a library
may log.
"""

import logging
import re
import sys
from typing import Any

import structlog

from entrepot.settings import Settings

SECRETS = re.compile(r"(epk_[0-9A-Za-z]{4})[0-9A-Za-z]{45}|(//[^:/@\s]+:)[^@/\s]+@")


def configure_logs(settings: Settings) -> None:
    """Set up structlog and the standard logging of libraries for this process."""
    level = getattr(logging, settings.log_level.upper())
    human = settings.log_format == "human" or (settings.log_format is None and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if human
        else structlog.processors.JSONRenderer()
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if not human else _pass_through,
        _redact,
    ]
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


def _pass_through(_logger: Any, _name: str, event: Any) -> Any:
    return event


def _redact(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str) and ("epk_" in value or "@" in value):
            event[key] = SECRETS.sub(lambda m: (m[1] or m[2]) + ("…" if m[1] else "…@"), value)
    return event
