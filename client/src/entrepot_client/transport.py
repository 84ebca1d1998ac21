"""Requests to one endpoint with one key: retried where that is safe, problems raised.

GET and HEAD, and parts of resumable uploads, are retried (a broken connection, 423, 429, 502, 503,
504), with growing pauses, or after the seconds that `Retry-After` names. What changes something is
sent again only where the server counted and refused it before all else: 429 with `Retry-After`.
Nothing here knows what the paths mean.
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
    Problem,
    TooManyRequests,
    Unreachable,
    problem_from_answer,
)

# 423: a resumable upload is held by a request of ours that the server has not given up yet.
_RETRIED_STATUS = frozenset({423, 429, 502, 503, 504})
# A server that wants a longer pause than this, in seconds, is better asked again by a person.
_LONGEST_PAUSE = 60.0
# Seconds. Reading is generous: a server answers an upload after it has made it durable.
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

    def get(self, path: str, *, patience: int = 1) -> Any:
        """The JSON that GET gives, after retries. Raises Problem, Unreachable, BadAnswer.

        `patience` times as many attempts as usual are made.
        """
        return self.json_of(self.retrying(partial(self.request, "GET", path), patience))

    def pages(
        self,
        path: str,
        envelope: str,
        limit: int | None = None,
        chosen: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Every item of a list, page after page; `limit` ends it after so many items, `chosen` are
        parameters that choose among them."""
        size = {"limit": min(limit, 1000)} if limit else {}
        params: Mapping[str, str | int] | None = {**(chosen or {}), **size} or None
        left = limit
        while True:
            response = self.retrying(partial(self.request, "GET", path, params=params))
            document = self.json_of(response)
            if not isinstance(document, dict) or not isinstance(document.get(envelope), list):
                raise BadAnswer(self.endpoint, f"the list {envelope} is missing.")
            items = document[envelope]
            yield from items if left is None else items[:left]
            left = None if left is None else left - len(items)
            following = response.links.get("next", {}).get("url")
            if not following or (left is not None and left <= 0):
                return
            # The key goes with the request: whatever host a link names, we stay on our own.
            target = response.url.join(following).raw_path
            path, params = str(httpx2.URL(self.endpoint).copy_with(raw_path=target)), None

    def send(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that a changing request gives. None for an empty answer.

        Sent once, or again once there is room for it.
        """
        response = self.when_there_is_room(partial(self.request, method, path, json=body))
        return self.json_of(response) if response.content else None

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request as `httpx2.Client.request` takes it, sent once; redirects for GET and HEAD.

        Raises Problem for 4xx and 5xx, Unreachable when no whole answer came.
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
        """A GET whose body is not read yet. Raises Problem, and httpx2's errors while reading."""
        with self._http.stream("GET", path, headers=headers, follow_redirects=True) as response:
            if response.status_code >= 400:
                response.read()
            self.check(response)
            yield response

    @contextmanager
    def events(self, path: str, last_event_id: str, silence: float) -> Iterator[httpx2.EventSource]:
        """A stream of server-sent events; `silence` is the longest wait for a byte, in seconds."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        timeout = httpx2.Timeout(connect=10.0, read=silence, write=60.0, pool=10.0)
        with self._http.sse(path, headers=headers, timeout=timeout) as source:
            if source.response.status_code >= 400:
                source.response.read()
            self.check(source.response)
            yield source

    def check(self, response: httpx2.Response) -> None:
        """Raise the Problem of a 4xx or 5xx, and BadAnswer for a redirect that was not followed."""
        if response.has_redirect_location:
            where = response.headers["location"]
            raise BadAnswer(self.endpoint, f"it sends us on to {where}; use that address.")
        if response.status_code >= 400:
            raise problem_from_answer(
                response.status_code,
                response.headers.get("content-type", ""),
                response.content,
                retry_after(response.headers.get("retry-after"), datetime.now(UTC)),
            )

    def json_of(self, response: httpx2.Response) -> Any:
        """The JSON body of an answer. Raises BadAnswer when it is something else."""
        try:
            return response.json()
        except ValueError as error:
            kind = response.headers.get("content-type", "nothing")
            raise BadAnswer(self.endpoint, f"it sent {kind} where JSON belongs.") from error

    def unreachable(self, error: Exception, *, changes: bool = False) -> Unreachable:
        """Unreachable in our words; `changes` when the request may have changed something."""
        before_sending = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        return Unreachable(self.endpoint, _reason(error), maybe_done=changes and not before_sending)

    def retrying(self, act: Callable[[], T], patience: int = 1) -> T:
        """Call `act`, which must be harmless to repeat, until it succeeds or patience ends."""
        return self._tried(act, self._attempts * patience, _pause_before_retry)

    def when_there_is_room(self, act: Callable[[], T]) -> T:
        """Call `act`, which may change something, until the server does not answer that it is one
        too many for now, or patience ends.
        """
        return self._tried(act, self._attempts, _pause_until_there_is_room)

    @staticmethod
    def _tried(
        act: Callable[[], T], attempts: int, pause: Callable[[Exception], bool | float]
    ) -> T:
        retry = stamina.RetryingCaller(
            attempts=attempts, timeout=180.0, wait_initial=0.2, wait_jitter=0.2
        )
        return retry(pause, act)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110) asks to wait; None when it says nothing."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _pause_before_retry(error: Exception) -> bool | float:
    """Whether to try again: True (the pauses of stamina), False, or after so many seconds."""
    if isinstance(error, Unreachable | httpx2.TransportError):
        return not isinstance(error, httpx2.UnsupportedProtocol)
    if isinstance(error, Problem) and error.status in _RETRIED_STATUS:
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= _LONGEST_PAUSE else False
    return False


def _pause_until_there_is_room(error: Exception) -> bool | float:
    """Seconds to wait where a request was refused untouched, as one too many; else False."""
    if isinstance(error, TooManyRequests) and error.retry_after is not None:
        return _pause_before_retry(error)
    return False


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return str(error).rstrip(".") or type(error).__name__
