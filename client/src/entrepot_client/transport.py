"""Requests to one endpoint with one key: retried where that is safe, problems raised.

GET and HEAD, and parts of resumable uploads, are retried (a broken connection, 423, 429, 502, 503,
504), with growing pauses, or after the seconds in `Retry-After`. A change is sent again only if the
server rejected it before it did anything else: 429 with `Retry-After`. This module does not know
what the paths mean.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from entrepot_client.connections import (
    BodyFailed,
    ConnectionPool,
    ExchangeFailed,
    HttpAnswer,
    OpenAnswer,
    Timeouts,
)
from entrepot_client.endpoint import clean_endpoint
from entrepot_client.errors import (
    BadAnswer,
    BadKey,
    ProblemError,
    TooManyRequests,
    Unreachable,
    problem_from_answer,
)
from entrepot_client.models import Document

# 423: the server has not yet noticed that an earlier request of ours for this upload has ended.
NOT_READY = "form-not-ready"
"""The problem's code while the server makes a format."""
_RETRIED_STATUS = frozenset({423, 429, 502, 503, 504})
# For a longer pause the command fails, and a person decides when to try again.
_MAX_PAUSE_SECONDS = 60.0
_TIMEOUTS = Timeouts()
_MAX_REDIRECTS = 5
_NEXT_LINK = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next"?')

T = TypeVar("T")
OnRetry = Callable[[Exception, float, float], None]
"""Called before each further attempt: why, after how many seconds it follows, and how many seconds
were waited before."""


class _Object(dict[str, Any]):
    """An object of an answer. A member that is asked for and missing means that another program
    answered: BadAnswer instead of KeyError, wherever it is read."""

    def __init__(self, endpoint: str, members: dict[str, Any]) -> None:
        super().__init__(members)
        self._endpoint = endpoint

    def __missing__(self, name: str) -> Any:
        raise BadAnswer(self._endpoint, f"it sent JSON without {name}.")


class Transport:
    """Connections to one endpoint, for any number of threads. Close it, or use it as a context.

    `on_retry` is called before each pause.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str | None,
        *,
        attempts: int = 5,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.endpoint = clean_endpoint(endpoint)
        self._attempts = attempts
        self._on_retry = on_retry
        self._headers = {"Accept": "application/json", "User-Agent": "entrepot-client"}
        if api_key is not None:
            if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
                raise BadKey
            self._headers["Authorization"] = f"Bearer {api_key}"
        parts = urlsplit(self.endpoint)
        self._origin, self._base = f"{parts.scheme}://{parts.netloc}", parts.path
        self._pool = ConnectionPool(self._origin)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def get(self, path: str, *, attempt_factor: int = 1) -> Document:
        """The JSON of a GET, after retries. Raises ProblemError, Unreachable, BadAnswer.

        `attempt_factor` multiplies the usual number of attempts.
        """
        answer = self.retry(partial(self.request, "GET", path), attempt_factor)
        document = self.json_of(answer)
        if not isinstance(document, dict):
            raise BadAnswer(self.endpoint, "it sent JSON that is not an object.")
        return document

    def pages(
        self,
        path: str,
        envelope: str,
        limit: int | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Every item of a list, page after page, at most `limit`; `filters` are query
        parameters."""
        size = {"limit": str(min(limit, 1000))} if limit else {}
        if query := urlencode({**(filters or {}), **size}):
            path = f"{path}{'&' if '?' in path else '?'}{query}"
        remaining, from_root = limit, False
        while True:
            answer = self.retry(partial(self.request, "GET", path, from_root=from_root))
            document = self.json_of(answer)
            if not isinstance(document, dict) or not isinstance(document.get(envelope), list):
                raise BadAnswer(self.endpoint, f"the list {envelope} is missing.")
            items = document[envelope]
            yield from items if remaining is None else items[:remaining]
            remaining = None if remaining is None else remaining - len(items)
            link = _NEXT_LINK.search(answer.headers.get("link") or "")
            if link is None or (remaining is not None and remaining <= 0):
                return
            # The request carries the key: it goes to our own host, whatever host the link names.
            following = urlsplit(urljoin(answer.target, link[1]))
            path, from_root = f"{following.path}?{following.query}", True

    def send(self, method: str, path: str, body: object = None) -> Any:
        """The JSON response to a change, None for an empty one.

        Sent once, or again after a 429 with `Retry-After`.
        """
        content, headers = None, {}
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        request = partial(self.request, method, path, content=content, headers=headers)
        answer = self.retry_when_limited(request)
        return self.json_of(answer) if answer.content else None

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        timeouts: Timeouts = _TIMEOUTS,
        from_root: bool = False,
    ) -> HttpAnswer:
        """One request, sent once; redirects are followed for GET and HEAD.

        A `content` that is not bytes needs a Content-Length, and has as many. `from_root`: the path
        is the host's, not the endpoint's. Raises ProblemError for 4xx and 5xx, Unreachable if no
        complete answer came, and what reading the `content` raises.
        """
        target = path if from_root else self._base + path
        sent = {**self._headers, **(headers or {})}
        safe = method in ("GET", "HEAD")
        try:
            answer = self._pool.exchange(method, target, sent, content, timeouts)
            if safe and _redirect(answer):
                with self._follow(method, answer, sent, timeouts) as opened:
                    answer = opened.whole()
        except ExchangeFailed as error:
            raise self.unreachable(error, changes=not safe) from error
        except BodyFailed as failed:
            raise failed.error from None
        except (ValueError, UnicodeError) as error:
            # http.client's own word on a path or header that cannot be sent.
            raise BadAnswer(self.endpoint, "it names an address that is not valid.") from error
        self.check(answer)
        return answer

    @contextmanager
    def stream(
        self, path: str, headers: Mapping[str, str], timeouts: Timeouts = _TIMEOUTS
    ) -> Iterator[OpenAnswer]:
        """A GET with an unread body. Raises ProblemError, and Unreachable also while reading."""
        sent = {**self._headers, **headers}
        try:
            with self._pool.open("GET", self._base + path, sent, None, timeouts) as answer:
                if not _redirect(answer):
                    if answer.status_code >= 400:
                        self.check(answer.whole())
                    yield answer
                    return
            with self._follow("GET", answer, sent, timeouts) as followed:
                if followed.status_code >= 400 or _redirect(followed):
                    self.check(followed.whole())
                yield followed
        except ExchangeFailed as error:
            raise self.unreachable(error) from error

    def copy(self, path: str, target: BinaryIO) -> None:
        """Write the body of a GET to `target`. Raises ProblemError, and Unreachable if the
        connection breaks: `target` has a part then."""
        with self.stream(path, {"Accept": "*/*"}) as answer:
            for block in answer.blocks():
                target.write(block)

    @contextmanager
    def _follow(
        self,
        method: str,
        answer: HttpAnswer | OpenAnswer,
        headers: Mapping[str, str],
        timeouts: Timeouts,
    ) -> Iterator[OpenAnswer]:
        """The answer at the end of redirects. The key goes to no other host."""
        address, redirect_headers = self._origin + answer.target, answer.headers
        for _ in range(_MAX_REDIRECTS):
            address = urljoin(address, answer.headers["location"])
            parts = urlsplit(address)
            origin = f"{parts.scheme}://{parts.netloc}"
            if parts.scheme not in ("http", "https"):
                break
            if origin != self._origin:
                headers = {k: v for k, v in headers.items() if k != "Authorization"}
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            pool = self._pool if origin == self._origin else ConnectionPool(origin)
            with pool.open(method, target, headers, None, timeouts) as opened:
                if not _redirect(opened):
                    opened.redirect_headers = redirect_headers
                    yield opened
                    return
                answer = opened
        raise BadAnswer(self.endpoint, "it redirects without an end.")

    def check(self, answer: HttpAnswer) -> None:
        """Raise ProblemError for a 4xx or 5xx, and BadAnswer for a redirect not followed."""
        if _redirect(answer):
            location = answer.headers["location"]
            raise BadAnswer(self.endpoint, f"it redirects to {location}; use that address.")
        if answer.status_code >= 400:
            raise problem_from_answer(
                answer.status_code,
                answer.headers.get("content-type") or "",
                answer.content,
                retry_after(answer.headers.get("retry-after")),
            )

    def json_of(self, answer: HttpAnswer) -> Any:
        """The JSON body of an answer. Raises BadAnswer if it is something else."""
        try:
            return json.loads(answer.content, object_hook=partial(_Object, self.endpoint))
        except ValueError as error:
            media_type = answer.headers.get("content-type") or "nothing"
            raise BadAnswer(self.endpoint, f"it sent {media_type} that is not JSON.") from error

    def unreachable(self, error: ExchangeFailed, *, changes: bool = False) -> Unreachable:
        """The Unreachable for an error; `changes` if the request may have changed something."""
        return Unreachable(
            self.endpoint,
            str(error),
            may_have_arrived=changes and error.was_sent,
            refused=error.refused,
        )

    def retry(self, request: Callable[[], T], attempt_factor: int = 1) -> T:
        """Call `request`, which must be safe to repeat, until it succeeds or the attempts are used
        up."""
        return self._retry(request, self._attempts * attempt_factor, _pause_before_retry)

    def retry_when_limited(self, request: Callable[[], T]) -> T:
        """Call `request`, which may change something, again only after a 429 with `Retry-After`."""
        return self._retry(request, self._attempts, _pause_when_limited)

    def _retry(
        self,
        request: Callable[[], T],
        attempts: int,
        pause: Callable[[Exception], bool | float],
    ) -> T:
        try:
            return request()
        except Exception as error:
            if pause(error) is False:
                raise
            failed: list[Exception] = [error]

        def attempt() -> T:
            if failed:
                raise failed.pop()
            return request()

        # Loaded only now: most runs of the program never retry.
        import stamina
        from stamina.instrumentation import RetryDetails, set_on_retry_hooks

        def tell(details: RetryDetails) -> None:
            if self._on_retry is not None and isinstance(details.caused_by, Exception):
                self._on_retry(details.caused_by, details.wait_for, details.waited_so_far)

        # Without a hook of ours stamina logs; structlog, which a server brings, to stdout.
        set_on_retry_hooks([tell])
        caller = stamina.RetryingCaller(
            attempts=attempts, timeout=180.0, wait_initial=0.2, wait_jitter=0.2
        )
        return caller(pause, attempt)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header (RFC 9110) asks to wait; None if there is none or it is
    invalid."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _redirect(answer: HttpAnswer | OpenAnswer) -> bool:
    return answer.status_code in (301, 302, 303, 307, 308) and "location" in answer.headers


def _pause_before_retry(error: Exception) -> bool | float:
    """Whether to try again: True (with stamina's pauses), False, or the seconds to wait before
    it."""
    if isinstance(error, Unreachable):
        return True
    if isinstance(error, ProblemError) and error.code == NOT_READY:
        return False  # who asked for the format says how long to wait
    if isinstance(error, ProblemError) and error.status in _RETRIED_STATUS:
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= _MAX_PAUSE_SECONDS else False
    return False


def _pause_when_limited(error: Exception) -> bool | float:
    """Seconds to wait before a request that got 429 with `Retry-After` is sent again; else
    False."""
    if isinstance(error, TooManyRequests) and error.retry_after is not None:
        return _pause_before_retry(error)
    return False
