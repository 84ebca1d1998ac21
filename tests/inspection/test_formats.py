"""A format is named in one table and in its reader, and nowhere else."""

import ast
import re
from functools import cache
from inspect import getmodule
from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect

import entrepot.inspection
from entrepot.inspection.detect.formats import FORMATS
from entrepot.inspection.open_table import READERS

PACKAGE = Path(entrepot.inspection.__file__).parent
TABLE = "formats.py"
TEXT_DETECTION = "detect.py"
"""What a text is can only be decided for all kinds of text together."""
FORMS_OF_VERSIONS = "convert.py"
"""What a version is written as has names of its own, some of them the same."""


@cache
def sources() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(FORMATS)


def kinds_compared(tree: ast.AST) -> set[str]:
    """The kinds of formats that a module decides by: in a comparison, or a case of a match."""
    places = [node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.match_case)]
    return {
        node.value
        for place in places
        for part in ast.walk(place.pattern if isinstance(place, ast.match_case) else place)
        if isinstance(node := part, ast.Constant) and node.value in FORMATS
    }


def test_only_the_reader_of_a_format_decides_by_its_kind() -> None:
    readers = {kind: getmodule(reader) for kind, reader in READERS.items()}
    elsewhere = {
        f"{path.name}: {kind}"
        for path, tree in sources().items()
        if path.name not in (TABLE, TEXT_DETECTION, FORMS_OF_VERSIONS)
        for kind in kinds_compared(tree)
        if path.stem != str(readers[kind].__name__).rsplit(".", 1)[-1]  # type: ignore[union-attr]
    }
    assert elsewhere == set()


def test_every_format_can_be_detected() -> None:
    (detection,) = (tree for path, tree in sources().items() if path.name == TEXT_DETECTION)
    texts = {
        node.args[0].value
        for node in ast.walk(detection)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "_text"
        and isinstance(node.args[0], ast.Constant)
    }
    binary = {kind for kind, row in FORMATS.items() if row.starts or row.archive_member}
    assert (texts | binary, texts & binary) == (set(FORMATS), set())


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'{"a": 1}\n{"a": 2}\n', b'[{"a": 1}]'])
def test_media_type_and_format_come_from_the_table(content: bytes, inspect: Inspect) -> None:
    inspection = inspect(content)
    kind = inspection.profile["file"]["format"]
    assert inspection.media_type == FORMATS[kind].media_type
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", inspection.media_type)
