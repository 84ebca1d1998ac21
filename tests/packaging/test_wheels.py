"""The wheels that a release consists of, installed where nothing else is."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support.demo import running_demo
from tests.support.uv import ROOT, uv

SOURCES = {"entrepot": ROOT / "src", "entrepot_client": ROOT / "client" / "src"}
SAMPLE = "53c9c295-83f4-4754-a781-cd03841c806f"
"""The first of the demo's files."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package, by the package's name."""
    folder = tmp_path_factory.mktemp("wheels")
    uv("build", "--all-packages", "--wheel", "--out-dir", str(folder), "--python", sys.executable)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


@pytest.mark.parametrize("package", SOURCES)
def test_a_wheel_has_every_file_of_its_package(wheels: dict[str, Path], package: str) -> None:
    """Templates, styles, scripts, migrations and `py.typed` too."""
    expected = {
        path.relative_to(SOURCES[package]).as_posix()
        for path in (SOURCES[package] / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{package}/py.typed" in expected
    with zipfile.ZipFile(wheels[package]) as wheel:
        names = set(wheel.namelist())
    assert {name for name in names if not name.partition("/")[0].endswith(".dist-info")} == expected
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheels_work_where_nothing_else_is_installed(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """The client alone is the program without the server's commands. With the server it starts a
    demo, which has its pages and makes each form of a file."""
    place = tmp_path / "environment"
    programs = place / "bin"

    def install(package: str, *options: str) -> None:
        # Packages in the locked versions from the cache, then ours as they are released.
        only_needed = ("--no-dev", "--no-install-workspace", "--inexact")
        uv("sync", *options, *only_needed, "--python", sys.executable, environment=place)
        uv("pip", "install", "--no-deps", str(wheels[package]), "--python", str(place))
        uv("pip", "check", "--python", str(place))

    install("entrepot_client", "--package", "entrepot-client")
    assert {"push", "pull", "files"} <= set(_commands(programs))
    assert not {"serve", "demo"} & set(_commands(programs))

    install("entrepot")
    assert {"push", "serve", "demo"} <= set(_commands(programs))
    with running_demo(programs) as demo:
        for page in ("/sign-in", "/docs", "/problems/not-found"):
            demo.run(f'curl -fsS "$ENTREPOT_ENDPOINT{page}" > page.html', tmp_path)
            assert "<html" in (tmp_path / "page.html").read_text()
        style = re.search(r'/static/[^"]+\.css', (tmp_path / "page.html").read_text())
        assert style
        assert "{" in demo.run(f'curl -fsS "$ENTREPOT_ENDPOINT{style.group()}"', tmp_path)
        for form, first in (("arrow", b"ARROW1"), ("parquet", b"PAR1")):
            demo.run(f"entrepot pull {SAMPLE} --as {form} -o table.{form}", tmp_path)
            assert (tmp_path / f"table.{form}").read_bytes().startswith(first)


def _commands(programs: Path) -> list[str]:
    help_text = subprocess.run(
        [programs / "entrepot", "--help"], capture_output=True, text=True, check=True
    ).stdout
    return [line.split()[0] for line in help_text.splitlines() if line.startswith("  ")]
