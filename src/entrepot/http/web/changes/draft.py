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
from entrepot.http.web.form_labels import KEPT_LABELS
from entrepot.http.web.sizes import read_size_limit, write_size_limit

SETTINGS = ("file_name", "path", "file_description", "file_size_limit", "keep", "keep_number")
"""The fields that are changed together, in the order of `SettingsDraft`."""


@dataclass(frozen=True)
class SettingsDraft:
    """The fields as texts; `errors` has the reasons of an invalid one, by its name.

    `initial` has the fields as the form first had them: only what differs from it is changed, so
    that a form in another tab does not undo what was changed since.
    """

    file_name: str
    path: str
    file_description: str
    file_size_limit: str
    keep: str = ""
    keep_number: str = ""
    user_name: str = ""
    confirm: str = ""
    errors: dict[str, str] = field(default_factory=dict, kw_only=True)
    initial: dict[str, str] = field(default_factory=dict, kw_only=True)

    def change(self, largest: int) -> FileChange:
        """The change that the form asks for. Raises FieldInvalid."""
        description, path = self.file_description.replace("\r\n", "\n"), self.path.strip()
        sets_path, sets_retention = self._differs("path"), self._differs("keep", "keep_number")
        return FileChange(
            name=check_file_name(self.file_name.strip(), "file_name", "orders.csv")
            if self._differs("file_name")
            else None,
            description=check_description(description)
            if self._differs("file_description")
            else None,
            size_limit=read_size_limit(self.file_size_limit, largest)
            if self._differs("file_size_limit")
            else None,
            sets_path=sets_path,
            path=check_path(path) if sets_path and path else None,
            sets_retention=sets_retention,
            retention=self._retention() if sets_retention else None,
        )

    def _differs(self, *names: str) -> bool:
        typed = {name: getattr(self, name).replace("\r\n", "\n") for name in names}
        return any(self.initial.get(name) != text for name, text in typed.items())

    def _retention(self) -> Retention | None:
        if self.keep not in KEPT_LABELS:
            raise FieldInvalid("keep", "choose one of the list.")
        if not self.keep:
            return None
        number = RETENTION_NUMBERS[self.keep].require(self.keep_number.strip(), "keep_number")
        return Retention(**{self.keep: number})


def draft_of(file: FileRecord) -> SettingsDraft:
    """The form as the file is."""
    rule, number = next(iter((file.retention or {}).items()), ("", ""))
    limit = write_size_limit(file.size_limit)
    texts = file.name, file.path or "", file.description, limit, rule, str(number)
    return SettingsDraft(*texts, initial=dict(zip(SETTINGS, texts, strict=True)))


def read_draft(form: PageForm) -> SettingsDraft:
    """The form as it came."""
    sent = {name for name, _value in form.pairs()}
    initial = {
        name: form.text(f"initial_{name}").replace("\r\n", "\n")
        for name in SETTINGS
        if f"initial_{name}" in sent
    }
    return SettingsDraft(*(form.text(name) for name in SETTINGS), initial=initial)


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
