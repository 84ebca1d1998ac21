"""How people see a Table Schema."""

import json
from typing import Any

import pytest

from entrepot_client.cli.schema_file import schema_text


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"fields": []},
        {"fields": [{"name": "größe", "type": "list", "missingValues": ["", "k.A."]}]},
        {"fields": [{"name": "a", "constraints": {"enum": [["x"], []]}}, {}], "rows": [1, {}]},
    ],
)
def test_the_text_is_the_schema(schema: dict[str, Any]) -> None:
    assert json.loads(schema_text(schema)) == schema


def test_a_list_of_plain_values_has_one_line() -> None:
    text = schema_text({"fields": [{"name": "a", "missingValues": ["", "NA", "–"]}]})
    assert text.splitlines() == [
        "{",
        '  "fields": [',
        "    {",
        '      "name": "a",',
        '      "missingValues": ["", "NA", "–"]',
        "    }",
        "  ]",
        "}",
    ]
