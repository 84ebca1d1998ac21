"""The page of each problem shows an answer that the server could give."""

import json

import pytest

from entrepot.http.problems.examples import problem_example
from entrepot.http.problems.table import all_kinds


@pytest.mark.parametrize("code", sorted(all_kinds()))
def test_each_problem_has_an_example(code: str) -> None:
    example = json.loads(json.dumps(problem_example(code)))
    kind = all_kinds()[code]
    assert (example["type"], example["code"]) == (f"/problems/{code}", code)
    assert (example["title"], example["status"]) == (kind.title, kind.status)
    detail = example["detail"]
    assert detail.endswith((".", "000"))
    assert detail[0].isupper() or ":" in detail or detail[0].isdigit() or detail[0] == "a"
    assert ".." not in detail
