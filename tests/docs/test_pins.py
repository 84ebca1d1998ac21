"""Everybody gets the same versions: each package that is used has its pin in pyproject.toml."""

import importlib.util
import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent


def load_pin() -> ModuleType:
    """The program that writes the pins, as a module."""
    spec = importlib.util.spec_from_file_location("tool_pin", ROOT / "tools" / "pin.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned() -> list[Requirement]:
    """The pins as they stand."""
    return [Requirement(pin) for pin in _project()["tool"]["uv"]["constraint-dependencies"]]


def needed() -> set[str]:
    """Every package that ours need on this machine, directly or not, tests and tools included."""
    waiting = [Requirement(text) for text in _project()["dependency-groups"]["dev"]]
    waiting += [Requirement("entrepot"), Requirement("entrepot-client")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        extras = frozenset(requirement.extras)
        if (requirement.name, extras) in seen:
            continue
        seen.add((requirement.name, extras))
        for text in distribution(requirement.name).requires or ():
            further = Requirement(text)
            if further.marker is None or any(
                further.marker.evaluate({"extra": extra}) for extra in (extras or {""})
            ):
                waiting.append(further)
    names = {str(canonicalize_name(name)) for name, _ in seen}
    return names - {"entrepot", "entrepot-client"}


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_what_is_used_is_what_is_pinned() -> None:
    pins: dict[str, str] = {
        str(canonicalize_name(pin.name)): str(pin.specifier).removeprefix("==")
        for pin in pinned()
        if pin.marker is None or pin.marker.evaluate()
    }
    used = {name: distribution(name).version for name in needed()}
    differ = {name: now for name, now in used.items() if now != pins.get(name)}
    assert differ == {}, "run: uv run python tools/pin.py"


def test_every_pin_is_exact() -> None:
    assert [str(pin) for pin in pinned() if not re.fullmatch(r"==[^*,]+", str(pin.specifier))] == []


def test_the_lock_is_pinned_whole() -> None:
    lock = ROOT / "uv.lock"
    if not lock.exists():
        return  # run by another tool than uv: there is nothing to compare with
    pin = load_pin()
    locked = {text.partition(" ;")[0] for text in pin.pins(lock.read_text())}
    # Of the markers uv writes other ones in each run that mean the same: versions tell.
    assert {f"{each.name}{each.specifier}" for each in pinned()} == locked, "run: tools/pin.py"


def test_the_block_is_written_as_the_tool_writes_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    pins = tomllib.loads(text)["tool"]["uv"]["constraint-dependencies"]
    assert load_pin().with_pins(text, sorted(pins)) == text, "run: uv run python tools/pin.py"


def test_server_and_client_have_one_version() -> None:
    server, client = (ROOT / "pyproject.toml").read_text(), ROOT / "client" / "pyproject.toml"
    version = tomllib.loads(server)["project"]["version"]
    pin = load_pin()
    assert pin.with_client_version(server, version) == server, "run: uv run python tools/pin.py"
    assert pin.with_version(client.read_text(), version) == client.read_text(), "run: tools/pin.py"
    assert {distribution(name).version for name in ("entrepot", "entrepot-client")} == {version}
