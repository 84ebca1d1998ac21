"""Write into the two pyproject.toml what follows from something else: pins and versions.

`uv.lock` itself names the address of the index that it was made with, so it stays out of the
repository (docs/decisions/0005-pins-without-a-lock-file.md). The pins of pyproject.toml give
everybody the same versions. Server and client have one version, that of pyproject.toml. The
client's own version, and the server's requirement of the client, are copies of it.

Run after `uv lock --upgrade`, and after a change of the version:

    uv run python tools/pin.py
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^constraint-dependencies = \[(?:\]|\n(?:    .*\n)*\])$", re.M)
CLIENT_REQUIREMENT = re.compile(r'^    "entrepot-client\b[^"]*",$', re.M)
VERSION = re.compile(r'^version = ".*"$', re.M)


def pins(lock: str) -> list[str]:
    """One requirement for each locked version, sorted; `lock` is the text of a `uv.lock`.

    A package that is locked at several versions gets the markers under which each holds.
    """
    result = []
    for package in tomllib.loads(lock)["package"]:
        if "registry" not in package["source"]:
            continue  # a member of the workspace
        pin = f"{package['name']}=={package['version']}"
        markers = package.get("resolution-markers")
        result.append(f"{pin} ; {' or '.join(f'({m})' for m in markers)}" if markers else pin)
    return sorted(result)


def with_pins(pyproject: str, requirements: list[str]) -> str:
    """The text of pyproject.toml with `wanted` as its block of constraints."""
    lines = "".join(f'    "{pin}",\n' for pin in requirements)
    return _replace_one(BLOCK, f"constraint-dependencies = [\n{lines}]", pyproject)


def with_client_version(pyproject: str, version: str) -> str:
    """The text of the server's pyproject.toml requiring the client of exactly `version`."""
    return _replace_one(CLIENT_REQUIREMENT, f'    "entrepot-client=={version}",', pyproject)


def with_version(pyproject: str, version: str) -> str:
    """The text of a pyproject.toml whose project has `version`."""
    return _replace_one(VERSION, f'version = "{version}"', pyproject)


def _replace_one(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    changed, count = pattern.subn(lambda _: replacement, text)
    if count != 1:
        raise SystemExit(f"{pattern.pattern} occurs {count} times in a pyproject.toml, not once.")
    return changed


def main() -> None:
    """Pin what is locked now, and give the client the server's version."""
    server, client = ROOT / "pyproject.toml", ROOT / "client" / "pyproject.toml"
    text = server.read_text()
    version = tomllib.loads(text)["project"]["version"]
    requirements = pins((ROOT / "uv.lock").read_text())
    server.write_text(with_client_version(with_pins(text, requirements), version))
    client.write_text(with_version(client.read_text(), version))
    print(f"{len(requirements)} pins written, for version {version}.")


if __name__ == "__main__":
    main()
