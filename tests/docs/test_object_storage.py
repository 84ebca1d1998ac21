"""The page on stores is followed, with a folder and with a real S3-compatible store."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.api import Api
from tests.support.ports import free_port
from tests.support.seaweedfs import BUCKET, CREDENTIALS, SeaweedFS, new_prefix
from tests.support.server import READY_WITHIN
from tests.support.wait import PATIENCE, wait_until

from entrepot.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-object-storage.md").read_text()
FOLDER, S3, OTHER_STORE = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_server_starts_by_the_lines_of_the_page(
    kind: str, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    bytes_elsewhere, data = tmp_path / "bytes", tmp_path / "data"
    (tmp_path / "bytes").mkdir()
    places = {
        "/srv/entrepot": str(data),
        "/mnt/entrepot-bytes": str(bytes_elsewhere),
        "s3://our-bucket/entrepot": f"s3://{BUCKET}/{new_prefix()}",
        "https://s3.example.com": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID=…": f"AWS_ACCESS_KEY_ID={CREDENTIALS['accessKey']}",
        "AWS_SECRET_ACCESS_KEY=…": f"AWS_SECRET_ACCESS_KEY={CREDENTIALS['secretKey']}",
    }
    script = FOLDER if kind == "folder" else OTHER_STORE + S3
    for example, real in places.items():
        script = script.replace(example, real)
    script = script.replace("entrepot serve", "exec entrepot serve")
    port, output = free_port(), tmp_path / "printed"
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ENTREPOT_PORT": str(port),
    }
    with (
        output.open("w") as log,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], env=variables, stdout=log, stderr=log
        ) as server,
    ):
        try:
            wait_until(
                lambda: "Entrepot serves" in output.read_text() or server.poll() is not None,
                output.read_text,
                READY_WITHIN,
            )
            api = Api(f"http://127.0.0.1:{port}", None)
            assert api.get("/readyz").json()["store"] == "ok", output.read_text()
            api.close()
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE) == 0, output.read_text()
        finally:
            server.kill()
    assert (data / "store" / "blobs").exists() is False
    assert any(bytes_elsewhere.iterdir()) == (kind == "folder")


def test_the_settings_of_the_page_exist() -> None:
    named = {name.lower() for name in re.findall(r"ENTREPOT_([A-Z_]+)", PAGE)}
    assert "presigned_seconds" in named
    assert named <= set(Settings.model_fields)
