"""The form of a file's settings: its present values, what was filled in, and the change."""

from dataclasses import dataclass, field

from entrepot.errors import EntrepotError, FieldInvalid, PathTaken, SizeLimitTooSmall
from entrepot.files.change import FileChange
from entrepot.files.cleanup.retention import Retention
from entrepot.files.delivery.define import check_description, check_file_name
from entrepot.files.paths import check_path
from entrepot.files.queries.read import FileRecord
from entrepot.http.parameters import RETENTION_NUMBERS
from entrepot.http.web.form import PageForm
from entrepot.http.web.sizes import read_size_limit, write_size_limit

RULES = {
    "": "all of them",
    "keep_last": "the newest",
    "days": "of the last days",
}
"""What is kept of the published versions: as the form sends it, and the words."""


@dataclass(frozen=True)
class SettingsDraft:
    """The fields as texts; `errors` has the reasons of an invalid one, by its name."""

    file_name: str
    path: str
    file_description: str
    file_size_limit: str
    keep: str = ""
    keep_number: str = ""
    user_name: str = ""
    confirm: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    def change(self, largest: int) -> FileChange:
        """The change that the form asks for. Raises FieldInvalid."""
        return FileChange(
            name=check_file_name(self.file_name.strip(), "file_name", "orders.csv"),
            description=check_description(self.file_description.replace("\r\n", "\n")),
            size_limit=read_size_limit(self.file_size_limit, largest),
            sets_path=True,
            path=check_path(path) if (path := self.path.strip()) else None,
            sets_retention=True,
            retention=self._retention(),
        )

    def _retention(self) -> Retention | None:
        if self.keep not in RULES:
            raise FieldInvalid("keep", "choose one of the list.")
        if not self.keep:
            return None
        number = RETENTION_NUMBERS[self.keep].require(self.keep_number.strip(), "keep_number")
        return Retention(**{self.keep: number})


def draft_of(file: FileRecord) -> SettingsDraft:
    """The form as the file is."""
    rule, number = next(iter((file.retention or {}).items()), ("", ""))
    limit = write_size_limit(file.size_limit)
    return SettingsDraft(file.name, file.path or "", file.description, limit, rule, str(number))


def read_draft(form: PageForm) -> SettingsDraft:
    """The form as it came."""
    return SettingsDraft(
        form.text("file_name"),
        form.text("path"),
        form.text("file_description"),
        form.text("file_size_limit"),
        form.text("keep"),
        form.text("keep_number"),
    )


def field_errors(error: EntrepotError) -> dict[str, str]:
    """The reason of an error by the name of the field that it is about."""
    match error:
        case FieldInvalid():
            tail = f" Example: {error.example}" if error.example else ""
            return {error.field: error.reason + tail}
        case PathTaken():
            return {"path": str(error)}
        case SizeLimitTooSmall():
            return {"file_size_limit": str(error)}
        case _:
            raise error
