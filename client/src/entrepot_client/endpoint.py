"""The address of a server, as people write it."""

from urllib.parse import urlsplit

from entrepot_client.errors import BadEndpoint

API = "/api/v1"


def clean_endpoint(endpoint: str) -> str:
    """The endpoint without `/api/v1` or a slash at its end. Raises BadEndpoint."""
    try:
        parts = urlsplit(endpoint.strip())
        port = parts.port
    except ValueError as error:
        raise BadEndpoint(endpoint, f"{error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadEndpoint(endpoint, "it starts with http:// or https:// and names a host.")
    if parts.username is not None or parts.query or parts.fragment:
        # The message has only the host name: the part before the @ may be a secret.
        raise BadEndpoint(parts.hostname, "it holds no user, query or fragment.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix(API).rstrip("/")
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"
