"""Requests to one endpoint with one key: retried where that is safe, problems raised.

GET and HEAD, and parts of resumable uploads, are retried (a broken connection, 423, 429, 502, 503,
504), with growing pauses, or after the seconds in `Retry-After`. A change is sent again only if the
server rejected it before it did anything else: 429 with `Retry-After`. This module does not know
what the paths mean.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import httpx2
import stamina

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
# Seconds. ReadingOptions is generous: a server answers an upload after it has made it durable.
_TIMEOUT = httpx2.Timeout(connect=10.0, read=60.0, write=60.0, pool=10.0)

T = TypeVar("T")


class Transport:
    """One connection pool to one endpoint. Close it, or use it as a context manager."""

    def __init__(self, endpoint: str, api_key: str | None, *, attempts: int = 5) -> None:
        self.endpoint = clean_endpoint(endpoint)
        self._attempts = attempts
        headers = {
            "Accept": "application/json",
            "User-Agent": f"entrepot-client/{version('entrepot-client')}",
        }
        if api_key is not None:
            if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
                raise BadKey
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx2.Client(base_url=self.endpoint, headers=headers, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def get(self, path: str, *, attempt_factor: int = 1) -> Document:
        """The JSON of a GET, after retries. Raises ProblemError, Unreachable, BadAnswer.

        `attempt_factor` multiplies the usual number of attempts.
        """
        response = self.retry(partial(self.request, "GET", path), attempt_factor)
        document: Document = self.json_of(response)
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
        size = {"limit": min(limit, 1000)} if limit else {}
        params: Mapping[str, str | int] | None = {**(filters or {}), **size} or None
        remaining = limit
        while True:
            response = self.retry(partial(self.request, "GET", path, params=params))
            document = self.json_of(response)
            if not isinstance(document, dict) or not isinstance(document.get(envelope), list):
                raise BadAnswer(self.endpoint, f"the list {envelope} is missing.")
            items = document[envelope]
            yield from items if remaining is None else items[:remaining]
            remaining = None if remaining is None else remaining - len(items)
            next_url = response.links.get("next", {}).get("url")
            if not next_url or (remaining is not None and remaining <= 0):
                return
            # The request carries the key: it goes to our own host, whatever host the link names.
            target = response.url.join(next_url).raw_path
            path, params = str(httpx2.URL(self.endpoint).copy_with(raw_path=target)), None

    def send(self, method: str, path: str, body: object = None) -> Any:
        """The JSON response to a change, None for an empty one.

        Sent once, or again after a 429 with `Retry-After`.
        """
        response = self.retry_when_limited(partial(self.request, method, path, json=body))
        return self.json_of(response) if response.content else None

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request as `httpx2.Client.request` takes it, sent once; redirects for GET and HEAD.

        Raises ProblemError for 4xx and 5xx, Unreachable if no complete answer came.
        """
        safe = method in ("GET", "HEAD")
        try:
            response = self._http.request(method, path, follow_redirects=safe, **options)
        except httpx2.InvalidURL as error:
            raise BadAnswer(self.endpoint, f"{error}.") from error
        except (httpx2.TransportError, httpx2.TooManyRedirects, httpx2.DecodingError) as error:
            raise self.unreachable(error, changes=not safe) from error
        self.check(response)
        return response

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """A GET with an unread body. Raises ProblemError, and httpx2's errors while reading."""
        with self._http.stream("GET", path, headers=headers, follow_redirects=True) as response:
            if response.status_code >= 400:
                response.read()
            self.check(response)
            yield response

    @contextmanager
    def events(
        self, path: str, last_event_id: str, idle_seconds: float
    ) -> Iterator[httpx2.EventSource]:
        """A stream of server-sent events; it fails after `idle_seconds` without a byte."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        timeout = httpx2.Timeout(connect=10.0, read=idle_seconds, write=60.0, pool=10.0)
        with self._http.sse(path, headers=headers, timeout=timeout) as source:
            if source.response.status_code >= 400:
                source.response.read()
            self.check(source.response)
            yield source

    def check(self, response: httpx2.Response) -> None:
        """Raise ProblemError for a 4xx or 5xx, and BadAnswer for a redirect not followed."""
        if response.has_redirect_location:
            location = response.headers["location"]
            raise BadAnswer(self.endpoint, f"it sends us on to {location}; use that address.")
        if response.status_code >= 400:
            raise problem_from_answer(
                response.status_code,
                response.headers.get("content-type", ""),
                response.content,
                retry_after(response.headers.get("retry-after"), datetime.now(UTC)),
            )

    def json_of(self, response: httpx2.Response) -> Any:
        """The JSON body of a response. Raises BadAnswer if it is something else."""
        try:
            return response.json()
        except ValueError as error:
            media_type = response.headers.get("content-type", "nothing")
            raise BadAnswer(self.endpoint, f"it sent {media_type} where JSON belongs.") from error

    def unreachable(self, error: Exception, *, changes: bool = False) -> Unreachable:
        """The Unreachable for an error; `changes` if the request may have changed something."""
        before_sending = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        return Unreachable(
            self.endpoint, _reason(error), may_have_arrived=changes and not before_sending
        )

    def retry(self, request: Callable[[], T], attempt_factor: int = 1) -> T:
        """Call `request`, which must be safe to repeat, until it succeeds or the attempts are used
        up."""
        return self._retry(request, self._attempts * attempt_factor, _pause_before_retry)

    def retry_when_limited(self, request: Callable[[], T]) -> T:
        """Call `request`, which may change something, again only after a 429 with `Retry-After`."""
        return self._retry(request, self._attempts, _pause_when_limited)

    @staticmethod
    def _retry(
        request: Callable[[], T], attempts: int, pause: Callable[[Exception], bool | float]
    ) -> T:
        caller = stamina.RetryingCaller(
            attempts=attempts, timeout=180.0, wait_initial=0.2, wait_jitter=0.2
        )
        return caller(pause, request)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110) asks to wait; None if there is none or it is
    invalid."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _pause_before_retry(error: Exception) -> bool | float:
    """Whether to try again: True (with stamina's pauses), False, or the seconds to wait before
    it."""
    if isinstance(error, Unreachable | httpx2.TransportError):
        return not isinstance(error, httpx2.UnsupportedProtocol)
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


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return str(error).rstrip(".") or type(error).__name__
