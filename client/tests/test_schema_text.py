"""How people see a Table Schema."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from entrepot_client.cli.failures import Failure
from entrepot_client.cli.schema_file import read_schema, require_regular_file, schema_text


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


def test_what_is_not_a_file_of_json_is_named(tmp_path: Path) -> None:
    """A folder, a pipe without a writer, a device that never ends, memory that cannot be read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero"), Path("/proc/self/mem"), tmp_path / "missing"):
        with pytest.raises(Failure) as failure:
            read_schema(path)
        assert str(path) in failure.value.what
        with pytest.raises(Failure) as failure:
            require_regular_file(path)
        assert str(path) in failure.value.what
