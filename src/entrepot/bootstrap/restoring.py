"""The note in a data folder that a snapshot is being restored into it."""

from entrepot.errors import StartRefused
from entrepot.settings import Settings

MARK = "restoring"
"""The file of a data folder whose restoration was cut off; it has the snapshot's name."""


def refuse_unfinished_restoration(settings: Settings) -> None:
    """Refuse a folder whose restoration was cut off. Raises StartRefused."""
    mark = settings.data / MARK
    if mark.is_file():
        raise StartRefused(
            reason=f"The restoration of the snapshot {mark.read_text()} into {settings.data} was "
            "cut off. Run `entrepot admin restore` again, which continues. Nothing was changed."
        )
