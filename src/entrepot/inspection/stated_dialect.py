"""What of a stated dialect and encoding applies to a file, now that its format is known."""

from dataclasses import replace

from entrepot.inspection.context import TableRequest
from entrepot.inspection.table import DialectUnsupported
from entrepot.schemas.reading.support import (
    EFFECT,
    ENCODING,
    FORMAT_NAMES,
    UNSUPPORTED,
    Support,
    format_of,
    support_of,
)
from entrepot.schemas.table_dialect import TableDialect, describe_properties, parse_dialect


def applicable_request(kind: str, request: TableRequest) -> TableRequest:
    """The request with nothing in its dialect but what a file of that kind can obey.

    Raises DialectUnsupported, if the file is read by a contract, for what applies to its format and
    cannot be obeyed.
    """
    stated = _stated(request.dialect, request.encoding)
    supports = _supports(kind, request.dialect, stated)
    unsupported = [name for name, support in supports.items() if support == UNSUPPORTED]
    if unsupported and request.bound:
        raise DialectUnsupported(_unsupported(kind, request.dialect, unsupported, stated))
    kept = {name: stated[name] for name, support in supports.items() if support == EFFECT}
    encoding = request.encoding if kept.pop(ENCODING, None) else None
    dialect = parse_dialect(kept) if request.dialect is not None else None
    return replace(request, dialect=dialect, encoding=encoding)


def dialect_warnings(kind: str, dialect: TableDialect | None, encoding: str | None) -> list[str]:
    """What of the dialect was not obeyed in a file of that kind, in sentences."""
    stated = _stated(dialect, encoding)
    supports = _supports(kind, dialect, stated)
    ignored = [name for name, support in supports.items() if support not in (EFFECT, UNSUPPORTED)]
    unsupported = [name for name, support in supports.items() if support == UNSUPPORTED]
    sentences = []
    if ignored:
        sentences.append(
            f"Ignored, since it does not apply to {FORMAT_NAMES[format_of(kind, dialect)]}:"
            f" {_listed(ignored)}."
        )
    if unsupported:
        reason = _unsupported(kind, dialect, unsupported, stated)
        sentences.append(f"Not obeyed: {reason}.")
    return sentences


def _stated(dialect: TableDialect | None, encoding: str | None) -> dict[str, object]:
    stated = describe_properties(dialect) if dialect is not None else {}
    return stated | ({ENCODING: encoding} if encoding is not None else {})


def _supports(
    kind: str, dialect: TableDialect | None, stated: dict[str, object]
) -> dict[str, Support]:
    name_of_format = format_of(kind, dialect)
    return {name: support_of(name, value, name_of_format) for name, value in stated.items()}


def _unsupported(
    kind: str, dialect: TableDialect | None, names: list[str], stated: dict[str, object]
) -> str:
    parts = [f"{name} ({stated[name]!r})" for name in names]
    return (
        f"the dialect states {', '.join(parts)}, which is not supported for"
        f" {FORMAT_NAMES[format_of(kind, dialect)]}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
