"""Addresses in settings: of a server as people and scripts reach it, of networks."""

import ipaddress
import re
from urllib.parse import urlsplit

from entrepot_client.counts import counted

EXAMPLE = "https://files.example.com"
STORE_ADDRESS = re.compile(r"/.*|s3://(?P<bucket>[^/.][^/]*)(/(?!\.{1,2}(/|$))[^/]+)*/?")
BUCKET_RULES = (
    (r"(?!arn:).*", "is the ARN of an access point; write its alias, which ends in -s3alias"),
    (r".{3,63}", "has {size}, and a name of a bucket has 3 to 63"),
    (r"[a-z0-9.-]+", "may have lower-case letters (a-z), digits, dots and hyphens alone"),
    (r"[a-z0-9].*[a-z0-9]", "must begin and end with a letter or a digit"),
    (r"(?!.*\.\.).*", "must not have two dots together"),
    (r"(?!\d+\.\d+\.\d+\.\d+$).*", "looks like an IP address, which a bucket's name must not"),
)
"""What each name of a bucket matches, and what is wrong with one that does not: the rules of S3
("General purpose bucket naming rules"). Its library refuses others without a reason."""


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
    for pattern, fault in BUCKET_RULES if bucket is not None else ():
        if not re.fullmatch(pattern, bucket):
            what = fault.format(size=counted(len(bucket), "character"))
            raise ValueError(f"names the bucket {bucket!r}, which {what}")
    return address
