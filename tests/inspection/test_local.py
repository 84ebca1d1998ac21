"""The engine without a server, as a function and behind the client's commands."""

import json
from pathlib import Path
from typing import Any

import pytest

from entrepot.inspection.local import compare_files, validate_file
from entrepot_client.cli.main import run

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "v", "type": "string"}]}

WRONG = "Line 2, column `id`: `x` is not an integer. Expected an integer, such as 17."


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ENTREPOT_ENDPOINT", "ENTREPOT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "good.csv").write_text("id,v\n1,a\n")
    (tmp_path / "bad.csv").write_text("id,v\nx,a\n" * 1)
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def test_as_a_function(files: Path) -> None:
    good = validate_file(files / "good.csv", SCHEMA)
    assert (good.verdict, good.row_count) == ("conforms", 1)
    bad = validate_file(files / "bad.csv", SCHEMA)
    assert bad.verdict == "violates"
    assert bad.detail == f"1 of 1 row breaks the contract. {WRONG}"
    assert validate_file(files / "bad.csv").verdict == "conforms"
    with pytest.raises(FileNotFoundError):
        validate_file(files / "none.csv")
    assert compare_files(files / "good.csv", files / "bad.csv", ("id",)).added == 1


def test_validate(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, schema = (str(files / name) for name in ("good.csv", "bad.csv", "schema.json"))
    assert run(["validate", good, "--schema", schema]) == 0
    assert capsys.readouterr().out == "The one row keeps the contract.\n"
    assert run(["validate", bad, "--schema", schema]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"1 of 1 row breaks the contract. {WRONG}"]
    assert run(["validate", bad, "--schema", schema, "--format", "json"]) == 5
    assert json.loads(capsys.readouterr().out)["valid"] is False
    assert run(["validate", bad, "--format", "quiet"]) == 0
    assert capsys.readouterr().out == "valid\n"
    assert run(["validate", bad, "--enforce-schema"]) == 0


def test_validate_refuses_wrong_usage(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, schema = str(files / "good.csv"), files / "schema.json"
    assert run(["validate", good, "--schema", str(schema), "--enforce-schema"]) == 2
    schema.write_text('{"fields":[{"name":"a","type":"magic"}]}')
    assert run(["validate", good, "--schema", str(schema)]) == 2
    assert "The schema is wrong at /fields/0/type" in capsys.readouterr().err


def test_infer(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "infer", str(files / "good.csv")]) == 0
    inferred = json.loads(capsys.readouterr().out)
    types = [(field["name"], field["type"]) for field in inferred["fields"]]
    assert types == [(field["name"], field["type"]) for field in SCHEMA["fields"]]
    (files / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    assert run(["schema", "infer", str(files / "a.png")]) == 5


def test_compare(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = str(files / "good.csv"), str(files / "bad.csv")
    assert run(["compare", good, good]) == 0
    assert capsys.readouterr().out == "rows: 1 → 1; 0 added, 0 removed\n"
    assert run(["compare", good, bad, "--key", "v"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "column id: integer → string",
        "rows: 1 → 1; 0 added, 0 removed, 1 changed",
        "~ row 2 (v=a): id: '1' → 'x'",
    ]
    assert run(["compare", good, bad, "--format", "json"]) == 1
    output: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (output["same"], output["added"]) == (False, 1)
    assert run(["compare", good, str(files / "schema.json"), "--key", "zz"]) == 2
    assert "cannot be compared" in capsys.readouterr().err
