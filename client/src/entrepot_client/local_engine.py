"""The engine that judges tables, where the server's package is installed beside this one.

A package offers it by an entry point of the group `entrepot.engine` that loads to a function
`validate(path, schema, mode, dialect) -> dict` (see `Judgement`). This package has none: it must
run without the server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

GROUP = "entrepot.engine"

Validate = Callable[[Path, Mapping[str, Any] | None, str, Mapping[str, Any] | None], dict[str, Any]]


@dataclass(frozen=True)
class Judgement:
    """What a contract says of a file: `report` is a Frictionless v5 report, `detail` its outcome
    in one sentence, `schema` the inferred Table Schema (or the given one), where it is known.
    """

    valid: bool
    detail: str
    report: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None


def find_engine() -> Validate | None:
    """The installed engine; None where there is none."""
    for found in entry_points(group=GROUP, name="validate"):
        validate: Validate = found.load()
        return validate
    return None


def judge(
    validate: Validate,
    path: Path,
    schema: Mapping[str, Any] | None,
    mode: str,
    dialect: Mapping[str, Any] | None = None,
) -> Judgement:
    """Judge a file here: `mode` is `none`, `infer` or `given` (then with a `schema`)."""
    told = validate(path, schema, mode, dialect)
    return Judgement(told["valid"], told["detail"], told["report"], told["schema"])
