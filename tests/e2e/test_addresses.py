"""Static files, the reference, the pages of problems, and what is answered as a page."""

import gzip
import re

import httpx2
import pytest
from tests.support.api import PLAIN, assert_problem
from tests.support.server import Server
from tests.support.wait import PATIENCE

from entrepot.http.problems.table import all_kinds

HTML = {"Accept": "text/html"}


def get(server: Server, path: str, **headers: str) -> httpx2.Response:
    url = server.endpoint + path
    return httpx2.get(url, headers=headers, timeout=PATIENCE, trust_env=False, verify=PLAIN)


def test_assets_are_kept_for_good_under_the_digest_alone(site: Server) -> None:
    page = get(site, "/sign-in", **HTML).text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) == 3
    for address in addresses:
        result = get(site, address)
        assert result.status_code == 200
        assert "immutable" in result.headers["cache-control"]
        assert result.headers["content-encoding"] == "gzip"
        plain = get(site, address, **{"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.text == result.text
        other = get(site, re.sub(r"/static/[0-9a-f]+/", "/static/older/", address))
        assert other.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/static/x/nope.css", "/static/x/../../mount.py", "/static/x/%2e%2e/mount.py"]
)
def test_nothing_else_is_served(site: Server, path: str) -> None:
    assert get(site, path).status_code == 404


def test_the_assets_are_small(site: Server) -> None:
    page = get(site, "/sign-in", **HTML).text
    total = 0
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        total += len(gzip.compress(get(site, address).content))
    assert total < 20_000


@pytest.mark.parametrize("code", sorted(all_kinds()))
def test_every_problem_has_its_page(site: Server, code: str) -> None:
    answer = get(site, f"/problems/{code}", **HTML)
    assert answer.status_code == 200
    assert f"<code>{code}</code>" in answer.text
    assert f'href="/problems/{code}"' in get(site, "/problems", **HTML).text


def test_the_reference_has_every_operation(site: Server) -> None:
    document = get(site, "/openapi.json").json()
    page = get(site, "/docs", **HTML).text
    for path, operations in document["paths"].items():
        assert f"<code>{path}</code>" in page
        assert operations
    assert "http://" not in page.replace(site.endpoint, "").replace("http://www.w3.org", "")
    assert "https://" not in page
    assert not any(path.startswith(("/files", "/sign-in", "/static")) for path in document["paths"])


def test_people_get_pages_and_programs_get_problems(site: Server) -> None:
    lost = get(site, "/nothing", **HTML)
    assert (lost.status_code, lost.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert_problem(get(site, "/nothing", Accept="application/json"), 404, "not-found")
    assert_problem(get(site, "/api/v1/nothing", **HTML), 401, "not-authenticated")
    assert_problem(get(site, "/api/v1/files", **HTML), 401, "not-authenticated")
    wrong = httpx2.put(site.endpoint + "/keys", headers=HTML, trust_env=False)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
    assert wrong.headers["content-type"].startswith("text/html")
