"""Write the versions of `uv.lock` into pyproject.toml, where everybody gets the same ones.

`uv.lock` itself names the address of the index that it was made with, so it stays out of the
repository (docs/decisions/0005-pins-without-a-lock-file.md). Run after `uv lock --upgrade`:

    uv run python tools/pin.py
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^constraint-dependencies = \[(?:\]|\n(?:    .*\n)*\])$", re.M)


def pins(lock: str) -> list[str]:
    """One requirement for each locked version, sorted; `lock` is the text of a `uv.lock`.

    A package that is locked at several versions gets the markers under which each holds.
    """
    found = []
    for package in tomllib.loads(lock)["package"]:
        if "registry" not in package["source"]:
            continue  # a member of the workspace
        pin = f"{package['name']}=={package['version']}"
        markers = package.get("resolution-markers")
        found.append(f"{pin} ; {' or '.join(f'({m})' for m in markers)}" if markers else pin)
    return sorted(found)


def with_pins(pyproject: str, wanted: list[str]) -> str:
    """The text of pyproject.toml with `wanted` as its block of constraints."""
    lines = "".join(f'    "{pin}",\n' for pin in wanted)
    block = f"constraint-dependencies = [\n{lines}]"
    changed, blocks = BLOCK.subn(lambda _: block, pyproject)
    if blocks != 1:
        raise SystemExit(f"pyproject.toml has {blocks} blocks of constraints, not one.")
    return changed


def main() -> None:
    """Pin what is locked now."""
    pyproject = ROOT / "pyproject.toml"
    wanted = pins((ROOT / "uv.lock").read_text())
    pyproject.write_text(with_pins(pyproject.read_text(), wanted))
    print(f"{len(wanted)} pins written.")


if __name__ == "__main__":
    main()
