"""The rules for alerts and the dashboard: their queries parse, and name metrics that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
REFERENCE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
HOW_TO = (ROOT / "docs" / "how-to" / "watch-a-server.md").read_text()
ROWS = re.findall(r"^\| `(entrepot_\w+)` \| (\w+) \| (.*?) \|", REFERENCE, re.M)
LABELS = {
    name + suffix: set(re.findall(r"`(\w+)`", labels)) | ({"le"} if suffix == "_bucket" else set())
    for name, kind, labels in ROWS
    for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
}
OF_PROMETHEUS = {"up": {"job"}}
SINCE_TARGETS = {"instance", "job"}


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        yield from group["rules"]


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads((DEPLOY / "grafana" / "entrepot.json").read_text())["panels"]


QUERIES = [rule["expr"] for rule in rules()] + [
    target["expr"].replace("$__rate_interval", "5m")
    for panel in panels()
    for target in panel["targets"]
]


def selectors(node: Any) -> Iterator[Any]:
    """Every selector of metrics within a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        below = getattr(node, name, None)
        if below is not None:
            yield from selectors(below)
    for below in getattr(node, "args", None) or ():
        yield from selectors(below)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_parses_and_names_what_there_is(query: str) -> None:
    parts = list(selectors(promql_parser.parse(query)))
    assert parts
    for selector in parts:
        known = {**OF_PROMETHEUS, **LABELS}
        assert selector.name in known, selector.name
        matched = set(re.findall(r"(\w+)(?:=~|!=|!~|=)", re.sub(r'"[^"]*"', '""', query)))
        assert matched <= set().union(*known.values()) | SINCE_TARGETS
        for grouped in re.findall(r"\bby \(([^)]*)\)", query):
            names = {name.strip() for name in grouped.split(",")}
            assert names <= known[selector.name] | SINCE_TARGETS, (query, names)


def test_every_alert_is_explained() -> None:
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
        assert f"`{rule['alert']}`" in HOW_TO


def test_panels_do_not_overlap() -> None:
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels()]
    assert len(set(places)) == len(places) == len({p["id"] for p in panels()})
