"""Errors between this client and an Entrepot server.

`ClientError` is the root. A problem document of the server (RFC 9457) becomes the `ProblemError`
subclass for its status, with the server's figures; all other errors have classes of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from entrepot_client.counts import counted

if TYPE_CHECKING:
    from entrepot_client.models import File

_STANDARD_MEMBERS = frozenset(
    {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
)


def _restore(
    error_class: "type[ClientError]", arguments: tuple[Any, ...], attributes: Mapping[str, Any]
) -> "ClientError":
    error = error_class.__new__(error_class)
    error.args = arguments
    vars(error).update(attributes)
    return error


class _FromText(type):
    """Makes `type(error)(text)` an error of the same class with this text.

    Libraries such as dask raise an error of a user's function again like this. The constructors
    of the subclasses therefore never take one text alone.
    """

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if named or len(arguments) != 1 or not isinstance(arguments[0], str):
            return super().__call__(*arguments, **named)
        attributes: dict[str, Any] = {"_text": arguments[0]}
        for each in fields(cast(Any, cls)):
            if each.default_factory is not MISSING:
                attributes[each.name] = each.default_factory()
            else:
                attributes[each.name] = None if each.default is MISSING else each.default
        return _restore(cast("type[ClientError]", cls), arguments, attributes)


@dataclass(eq=False)
class ClientError(Exception, metaclass=_FromText):
    """The root of everything that this package raises.

    An error can be pickled, with its fields. If a library made it again from a text, it has this
    text and empty fields; the fields are those of its `__cause__`.
    """

    def __str__(self) -> str:
        text: str | None = vars(self).get("_text")
        return self._describe() if text is None else text

    def _describe(self) -> str:
        return type(self).__name__

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, vars(self))


@dataclass(eq=False)
class BadEndpoint(ClientError):
    """The endpoint is not an `http` or `https` address of a server."""

    endpoint: str
    reason: str

    def _describe(self) -> str:
        return f"{self.endpoint!r} is not an endpoint address: {self.reason}"


@dataclass(eq=False)
class BadKey(ClientError):
    """The key contains characters that cannot be sent in a header. The message never repeats the
    key."""

    def _describe(self) -> str:
        return "The API key contains characters that no key has."


@dataclass(eq=False)
class Unreachable(ClientError):
    """No complete answer came from the server.

    `may_have_arrived`: the server may have received a request that changes something. `refused`:
    nothing listens at the address.
    """

    endpoint: str
    reason: str
    may_have_arrived: bool = False
    refused: bool = False

    def _describe(self) -> str:
        return f"{self.endpoint} does not answer: {self.reason}."


@dataclass(eq=False)
class BadAnswer(ClientError):
    """The answer is not one of Entrepot's API."""

    endpoint: str
    reason: str

    def _describe(self) -> str:
        return f"{self.endpoint} does not answer like Entrepot: {self.reason}"


@dataclass(eq=False)
class NotConfigured(ClientError):
    """No endpoint or no key is known, or what is stored about them cannot be used.

    `advice` is one sentence about what to do.
    """

    reason: str
    advice: str

    def _describe(self) -> str:
        return self.reason


@dataclass(eq=False)
class MissingPackage(ClientError):
    """An optional package is not installed. `purpose` begins the sentence, such as `To read a table
    as pandas`."""

    package: str
    purpose: str

    def _describe(self) -> str:
        return f"{self.purpose}, install the package {self.package}: `pip install {self.package}`."


@dataclass(eq=False, kw_only=True)
class UnknownSource(ClientError, TypeError):
    """What was to be pushed is not a path, bytes, an open file or a table of columns that Parquet
    can hold."""

    source: str
    advice: str = (
        "It takes a path, bytes, a file opened with 'rb', or a table with the Arrow PyCapsule"
        " interface."
    )

    def _describe(self) -> str:
        return f"Entrepot cannot push {self.source}. {self.advice}"


@dataclass(eq=False, kw_only=True)
class NameNotText(ClientError, ValueError):
    """The name of what was to be pushed has bytes that are not UTF-8."""

    name: str

    def _describe(self) -> str:
        name = self.name.encode("utf-8", "replace").decode()
        return f"The name {name!r} is not valid UTF-8."


@dataclass(eq=False, kw_only=True)
class NoSuchFile(ClientError, FileNotFoundError):
    """No file that the caller can see has this id, prefix of an id, or name."""

    reference: str

    def _describe(self) -> str:
        return f"You cannot see a file with the id or name {self.reference!r}."


@dataclass(eq=False)
class AmbiguousFile(ClientError):
    """Several `files` have this name or path, or ids that begin like this."""

    reference: str
    files: "tuple[File, ...]"

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The ids of the files."""
        return tuple(file.file_id for file in self.files)

    @property
    def what(self) -> str:
        """What the files have in common, without their ids."""
        if all(file.file_name == self.reference for file in self.files):
            shared = "the name"
        elif all(file.path == self.reference for file in self.files):
            shared = "the path"
        else:
            shared = "an id that begins with"
        return f"{counted(len(self.files), 'file')} have {shared} {self.reference!r}"

    def _describe(self) -> str:
        return f"{self.what}: {', '.join(self.file_ids)}."


@dataclass(eq=False)
class NoSuchVersion(ClientError, FileNotFoundError):
    """The caller can see the file, but it has no published version of this number (None: none at
    all)."""

    file_id: str
    file_name: str
    version: int | None

    def _describe(self) -> str:
        if self.version is None:
            return f"{self.file_name} has no published version yet."
        return f"{self.file_name} has no version {self.version}."


@dataclass(eq=False)
class FileOverSizeLimit(ClientError):
    """The file is larger than the size limit it was to be defined with. Both in bytes."""

    size: int
    limit: int

    def _describe(self) -> str:
        return (
            f"The file has {counted(self.size, 'byte')}, more than its size limit of "
            f"{self.limit:,}."
        )


@dataclass(eq=False)
class LocalFileChanged(ClientError):
    """The file changed during its upload; the server discarded the upload."""

    path: Path

    def _describe(self) -> str:
        return f"{self.path} changed while it was being uploaded."


@dataclass(eq=False)
class LocalFileSizeWrong(ClientError):
    """The file has more or fewer than the `size` bytes that the system states, as files of `/proc`
    do; the server discarded the upload."""

    path: Path
    size: int

    def _describe(self) -> str:
        return (
            f"{self.path} has more or fewer than the {counted(self.size, 'byte')} that the system "
            "states: it is not a file on a disk."
        )


@dataclass(eq=False)
class RemoteFileChanged(ClientError):
    """A new version was published during a download to a stream, whose bytes cannot be replaced."""

    received: int

    def _describe(self) -> str:
        return (
            f"The file changed on the server after {counted(self.received, 'byte')} had been "
            f"written."
        )


@dataclass(eq=False)
class DownloadCorrupted(ClientError):
    """The bytes do not have the digest that the server stated. SHA-256, both in hex."""

    expected: str
    actual: str

    def _describe(self) -> str:
        return f"The bytes have SHA-256 {self.actual}, the server says {self.expected}."


@dataclass(eq=False)
class TargetExists(ClientError):
    """A download would replace a file without permission to overwrite it."""

    path: Path

    def _describe(self) -> str:
        return f"{self.path} exists already."


@dataclass(eq=False)
class ProblemError(ClientError):
    """The server answered with a problem (RFC 9457).

    `code` is the last part of the problem's type and stable; `figures` are its extension members
    (`limit`, `used`, `requested`: bytes); `errors` its list of details; `retry_after` seconds, None
    if the server named none.
    """

    status: int
    code: str
    title: str
    detail: str
    request_id: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[Mapping[str, Any], ...] = ()
    retry_after: float | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def _describe(self) -> str:
        return self.detail or self.title or f"The server answered with status {self.status}."


class NotSignedIn(ProblemError):
    """401: the key is missing, wrong, expired or revoked."""


class Forbidden(ProblemError):
    """403: the key or its user may not do this."""


class ResourceNotFound(ProblemError):
    """404: it does not exist, or the caller does not have access."""


class Conflict(ProblemError):
    """409 or 412: the resource is not in the state that the request requires."""


class OverLimit(ProblemError):
    """413: over the file's size limit or the account's quota; `figures` in bytes."""


class Invalid(ProblemError):
    """Any other 4xx, usually 422: the request itself is wrong; `detail` names the field."""


class TooManyRequests(ProblemError):
    """429: over a rate limit; wait `retry_after` seconds."""


class ServerFailed(ProblemError):
    """5xx: the server failed."""


_BY_STATUS: dict[int, type[ProblemError]] = {
    401: NotSignedIn,
    403: Forbidden,
    404: ResourceNotFound,
    409: Conflict,
    410: ResourceNotFound,
    412: Conflict,
    413: OverLimit,
    429: TooManyRequests,
}


def problem_from(
    document: Mapping[str, Any], status: int | None = None, retry_after: float | None = None
) -> ProblemError:
    """The exception for a problem document, from a response or from a task's `error`."""
    status_in_document = document.get("status")
    status = status or (status_in_document if isinstance(status_in_document, int) else 0)
    error_class = _BY_STATUS.get(status, ServerFailed if status >= 500 else Invalid)
    errors = document.get("errors")
    return error_class(
        status=status,
        code=str(document.get("code") or str(document.get("type", "")).rpartition("/")[2]),
        title=str(document.get("title", "")),
        detail=str(document.get("detail") or ""),
        request_id=document.get("request_id"),
        figures={k: v for k, v in document.items() if k not in _STANDARD_MEMBERS},
        errors=tuple(e for e in errors if isinstance(e, Mapping))
        if isinstance(errors, list)
        else (),
        retry_after=retry_after,
        document=document,
    )


def problem_from_answer(
    status: int, media_type: str, body: bytes, retry_after: float | None
) -> ProblemError:
    """The exception for a 4xx or 5xx response, also for one from a proxy without a document."""
    document: object = None
    if media_type.partition(";")[0].strip() in ("application/problem+json", "application/json"):
        try:
            document = json.loads(body)
        except ValueError:
            document = None
    if not isinstance(document, dict):
        document = {"detail": f"The server answered with status {status} and no explanation."}
    return problem_from(document, status, retry_after)
