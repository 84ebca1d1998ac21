"""Read multipart forms as they stream in (RFC 7578), on python-multipart's push parser.

The framework's own form parsing spools whole files to disk first. The parser's `finalize` is
silent on a truncated body, so nothing counts as complete before its `on_end`; it takes any
number of parts and header bytes, so both are counted here.
"""

from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from entrepot.errors import FormMalformed, MediaTypeUnsupported
from entrepot_client.counts import counted

MAX_PARTS = 32
"""Parts of a form: no form of ours has more than ten fields."""
MAX_HEADERS = 16 * 1024
"""Bytes of all headers of one part."""


@dataclass(frozen=True)
class PartBegin:
    """A part begins: its field name, its file name if it is a file, and its headers."""

    name: str
    file_name: str | None
    headers: dict[str, str]


@dataclass(frozen=True)
class PartData:
    """Bytes of the part that began last, and their position within the body."""

    data: memoryview
    offset: int


@dataclass(frozen=True)
class PartEnd:
    """The part that began last is complete."""


Event = PartBegin | PartData | PartEnd


def boundary_of(content_type: str | None) -> bytes:
    """The boundary of a multipart/form-data content type. Raises MediaTypeUnsupported,
    FormMalformed.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        received = kind.decode("latin-1")[:100]
        raise MediaTypeUnsupported(received=received, expected="multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, section 5.1.1
        raise FormMalformed(reason="The Content-Type lacks a boundary of 1 to 70 characters.")
    return boundary


class FormReader:
    """Turns chunks of a body into events. `boundary` comes from `boundary_of`."""

    def __init__(self, boundary: bytes) -> None:
        self.boundary = boundary
        self.complete = False
        self._events: list[Event] = []
        self._parts = 0
        self._fed = 0
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._name = b""
        self._value = b""
        callbacks: Any = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": lambda: self._events.append(PartEnd()),
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk of the body completes. Raises FormMalformed."""
        if self.complete:
            return []  # an epilogue, which RFC 2046 says to ignore
        self._events = []
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise FormMalformed(
                reason=f"The form cannot be read after "
                f"{counted(self._fed + error.offset, 'byte')}: "
                "the boundary or a part's headers are not as RFC 7578 wants them."
            ) from None
        self._fed += len(chunk)
        return self._events

    def finish(self) -> None:
        """Say that the body has ended. Raises FormMalformed if the form has not."""
        if self.complete:
            return
        if not self._parts:
            raise FormMalformed(
                reason=f"The body ended after {counted(self._fed, 'byte')} without any part "
                "between boundaries as the Content-Type names them."
            )
        raise FormMalformed(
            reason=f"The body was cut off after {counted(self._fed, 'byte')}: the closing boundary "
            "is missing."
        )

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormMalformed(reason=f"A form may have at most {MAX_PARTS} parts.")
        self._headers = {}
        self._header_bytes = 0
        self._name = self._value = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name = _text(self._name, "a header's name").lower()
        if name in self._headers:
            raise FormMalformed(reason=f"A part has the header `{name[:100]}` twice.")
        self._headers[name] = _text(self._value, "a header")
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get("content-disposition", "").encode()
        kind, options = parse_options_header(disposition)
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise FormMalformed(
                reason="A part lacks its `Content-Disposition: form-data` with a name."
            )
        file_name = options.get(b"filename")
        begin = PartBegin(
            name=_text(name, "a part's name"),
            file_name=None if file_name is None else _file_name(_text(file_name, "a file name")),
            headers=self._headers,
        )
        self._events.append(begin)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if end > start:
            self._events.append(PartData(memoryview(data)[start:end], self._fed + start))

    def _on_end(self) -> None:
        self.complete = True

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADERS:
            raise FormMalformed(reason=f"A part's headers exceed {MAX_HEADERS:,} bytes.")


def _file_name(sent: str) -> str:
    """The name that the sender's file has. Browsers, curl and our client send three characters
    with percent signs, and only these (WHATWG HTML, "multipart/form-data encoding algorithm")."""
    return sent.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormMalformed(reason=f"The form has {what} that is not UTF-8.") from None
