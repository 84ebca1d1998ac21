"""Read a Table Schema from a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entrepot_client.cli.failures import ExitStatus, Failure


def read_schema(path: Path) -> Mapping[str, Any]:
    """The JSON object in the file. Raises Failure for anything else."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failure(
            f"{path} is not JSON ({error}).",
            'Give a Table Schema like {"fields": [{"name": "id", "type": "integer"}]}.',
            ExitStatus.WRONG_USAGE,
        ) from error
    if not isinstance(schema, dict):
        raise Failure(
            f"{path} holds no JSON object.", "A Table Schema is one.", ExitStatus.WRONG_USAGE
        )
    return schema
