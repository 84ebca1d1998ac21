"""Addresses in settings: of a server as people and scripts reach it, of networks."""

import ipaddress
from urllib.parse import urlsplit

EXAMPLE = "https://files.example.com"


def parse_public_url(address: str) -> str:
    """The address without a trailing slash: a scheme, a host and perhaps a port (RFC 3986).

    Raises ValueError for anything else. A path is refused: pages, cookies and links begin at the
    root of their host.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"is not an address such as {EXAMPLE}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"must start with http:// or https://, as {EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must have no user and no password, as {EXAMPLE}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            f"must have nothing after the host: it needs a host name of its own, as {EXAMPLE}"
        )
    if not parts.hostname or any(letter.isspace() for letter in address):
        raise ValueError(f"must name a host, as {EXAMPLE}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def parse_networks(value: object) -> list[str]:
    """Addresses and networks, from a list or a text with commas. Raises ValueError."""
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list):
        raise ValueError("must be a list of addresses or networks")  # noqa: TRY004 - pydantic's
    networks = [str(entry).strip() for entry in entries if str(entry).strip()]
    for network in networks:
        ipaddress.ip_network(network, strict=False)
    return networks
