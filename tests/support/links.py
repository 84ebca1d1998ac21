"""Links to files in tests: made by who manages the file, used without any key."""

from typing import Any
from urllib.parse import urlsplit

import httpx2
from tests.support.api import Api


def post_link(api: Api, file_id: str, kind: str, **terms: Any) -> httpx2.Response:
    """The answer to who makes a link, whatever it is."""
    return api.post(f"/file/{file_id}/links", json={"kind": kind, **terms})


def make_link(api: Api, file_id: str, kind: str, **terms: Any) -> dict[str, Any]:
    """A link, with `path`: its address below the server's."""
    answer = post_link(api, file_id, kind, **terms)
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json()
    return link | {"path": urlsplit(link["url"]).path}


def listed_links(api: Api, file_id: str) -> list[dict[str, Any]]:
    """The links to a file, as they are listed."""
    links: list[dict[str, Any]] = api.json(f"/file/{file_id}/links")["links_list"]
    return links


def revoke(api: Api, file_id: str, link: dict[str, Any]) -> None:
    answer = api.request("DELETE", f"/file/{file_id}/links/{link['link_id']}")
    assert answer.status_code == 204, answer.text


def uses(api: Api, file_id: str) -> list[int]:
    """How often each link to a file was used."""
    return [link["uses"] for link in listed_links(api, file_id)]
