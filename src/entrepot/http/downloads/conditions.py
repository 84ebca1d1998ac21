"""Conditional requests (RFC 9110, section 13): does what the client knows still hold?

Pure functions over request headers. `headers` maps lower-case names to values; a field sent on
several lines is one value, joined by ", ".
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from entrepot.errors import PreconditionFailed

# RFC 9110, sections 8.8.3 and 5.6.1: entity tags may hold commas, a list may hold empty elements.
_ETAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ETAG_LIST = re.compile(rf"[\s,]*{_ETAG}(?:[ \t]*,[\s,]*{_ETAG})*[\s,]*")
_ETAGS = re.compile(_ETAG)


@dataclass(frozen=True)
class Validators:
    """What identifies one representation: `etag`, strong and quoted; `modified`, aware.

    `other_etags` stand for the same state in another representation, for what would change it.
    """

    etag: str
    modified: datetime
    other_etags: tuple[str, ...] = ()

    def has(self, etags: Collection[str]) -> bool:
        """Whether one of these tags names the state."""
        return self.etag in etags or any(each in etags for each in self.other_etags)

    @property
    def last_modified(self) -> str:
        """The Last-Modified field: UTC, whole seconds."""
        return format_datetime(_whole_second(self.modified), usegmt=True)


def bytes_etag(sha256: str) -> str:
    """The strong entity tag of bytes, by their SHA-256 as hex: equal bytes have equal tags."""
    return f'"{sha256}"'


def check_preconditions(headers: Mapping[str, str], current: Validators) -> None:
    """Raise `PreconditionFailed` unless If-Match, or else If-Unmodified-Since, holds."""
    match = headers.get("if-match")
    if match is not None:
        holds = match.strip() == "*" or current.has(_etags(match))
    else:
        since = _date(headers.get("if-unmodified-since"))
        holds = since is None or _whole_second(current.modified) <= since
    if not holds:
        raise PreconditionFailed


def is_unchanged(headers: Mapping[str, str], current: Validators) -> bool:
    """Whether a GET or HEAD is answered 304: by If-None-Match, or else If-Modified-Since.

    A date must be exactly Last-Modified: after a withdrawal an older version is the current one,
    and whoever has the withdrawn one must not get the answer that nothing changed.
    """
    none_match = headers.get("if-none-match")
    if none_match is not None:
        weak = {etag.removeprefix("W/") for etag in _etags(none_match)}
        return none_match.strip() == "*" or current.has(weak)
    since = _date(headers.get("if-modified-since"))
    return since is not None and _whole_second(current.modified) == since


def range_applies(headers: Mapping[str, str], current: Validators) -> bool:
    """Whether a Range may be honoured: there is no If-Range, or it names what is there now.

    A weak entity tag never does, a date only if it is exactly Last-Modified (section 13.1.5).
    """
    if_range = headers.get("if-range")
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == current.etag
    return _date(if_range) == _whole_second(current.modified)


def _etags(value: str) -> list[str]:
    """The entity tags of a list; none where the list is malformed."""
    return _ETAGS.findall(value) if _ETAG_LIST.fullmatch(value) else []


def _date(value: str | None) -> datetime | None:
    """An HTTP date, in any of its three forms; None where it is none, to be ignored then."""
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _whole_second(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)
