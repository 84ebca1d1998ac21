"""uv, with which tests build wheels and make environments of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def uv(*arguments: str, environment: Path | None = None, project: Path = ROOT) -> str:
    """Run uv for this project, or for another folder, to which its pins do not apply; with the
    environment in that folder as the project's: from its cache, and from the registry what is not
    there."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = os.environ.get("UV") or shutil.which("uv", path=places)
    assert program, "uv is needed, which builds and installs packages: pip install uv"
    command = [program, *arguments, "--project", str(project), "--quiet"]
    settings = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment or ROOT / ".venv")}
    done = None
    for offline in ("1", "0"):
        done = subprocess.run(
            command,
            cwd=project,
            env={**settings, "UV_OFFLINE": offline},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
    assert done is not None
    raise AssertionError(f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
