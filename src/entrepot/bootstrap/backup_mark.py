"""The mark of a folder of back-ups, in which no installation is created."""

from entrepot.errors import StartRefused
from entrepot.settings import Settings

OWNER_FILE = "backup-of"
"""The file with the id of the installation whose back-ups the folder has."""


def refuse_backups(settings: Settings) -> None:
    """Refuse a data folder or a store that is a folder of back-ups: with the files of an
    installation in it, every later back-up into it would be refused. Raises StartRefused."""
    for folder in (settings.data, settings.blobs):
        if (folder / OWNER_FILE).is_file():
            raise StartRefused(
                reason=f"{folder} is a folder of back-ups. Name a data folder with --data DIR; "
                f"`entrepot admin restore {folder} --data DIR` makes one of the newest snapshot. "
                f"If it has no back-ups, delete {folder / OWNER_FILE}. Nothing was changed."
            )
