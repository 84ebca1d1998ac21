"""The data folders of servers that none is named for: the platform's own places for data."""

from pathlib import Path

import platformdirs


def default_folder() -> Path:
    """That of a server."""
    return platformdirs.user_data_path("entrepot")


def demo_folder() -> Path:
    """That of a demo, which is not the one of a real server."""
    return platformdirs.user_data_path("entrepot-demo")
