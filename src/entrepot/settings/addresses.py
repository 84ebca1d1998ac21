"""Addresses in settings: of a server as people and scripts reach it, of networks."""

import ipaddress
import re
from urllib.parse import urlsplit

EXAMPLE = "https://files.example.com"
STORE_ADDRESS = re.compile(r"/.*|s3://(?P<bucket>[^/.][^/]*)(/(?!\.{1,2}(/|$))[^/]+)*/?")
BUCKET_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:.+")
"""What the S3 library sends: a name, or the ARN of an access point. Most stores allow less."""


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


def parse_store_address(address: str) -> str:
    """The address of a store: a folder, or a bucket with or without a prefix. Raises ValueError."""
    matched = STORE_ADDRESS.fullmatch(address)
    if matched is None:
        raise ValueError("must be an absolute path, s3://BUCKET or s3://BUCKET/PREFIX")
    bucket = matched["bucket"]
    if bucket is not None and not BUCKET_NAME.fullmatch(bucket):
        raise ValueError(
            f"names the bucket {bucket!r}: a name has 1 to 255 letters (a-z, A-Z), digits, dots, "
            "hyphens and underscores"
        )
    return address
