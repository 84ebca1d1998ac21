"""Conflicts: what cannot be done in the current state."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from entrepot.errors.base import EntrepotError
from entrepot_client.counts import counted


@dataclass(eq=False)
class NoPublishedVersion(EntrepotError):
    """The file has no published version yet."""


@dataclass(eq=False)
class VersionWithdrawn(EntrepotError):
    """The version was withdrawn by the file's owner: nobody reads it any more.

    `current_version` is the one that may be used instead; None: there is none.
    """

    version: int
    withdrawal_reason: str
    withdrawn_at: datetime
    current_version: int | None = None

    def __str__(self) -> str:
        return (
            f"Version {self.version} was withdrawn by the file's owner: "
            f"{_as_sentence(self.withdrawal_reason)} {_use_instead(self.current_version)}"
        )


@dataclass(eq=False)
class VersionDeleted(EntrepotError):
    """The version was deleted, by hand or by the file's retention.

    `current_version` is the one that may be used instead; None: there is none.
    """

    version: int
    deleted_at: datetime
    current_version: int | None = None

    def __str__(self) -> str:
        return f"Version {self.version} was deleted. {_use_instead(self.current_version)}"


def _as_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _use_instead(current_version: int | None) -> str:
    if current_version is None:
        return "The file has no other version that can be read now."
    return f"Use version {current_version} instead."


@dataclass(eq=False)
class VersionNotPublished(EntrepotError):
    """The version is not published, so it cannot be read or restored."""

    version: int
    version_status: str

    def __str__(self) -> str:
        return f"Version {self.version} is {self.version_status}; choose a published one."


@dataclass(eq=False)
class VersionNotRejected(EntrepotError):
    """The version was neither rejected nor did its inspection fail, so it can neither be corrected
    nor accepted anyway."""

    version: int
    version_status: str

    def __str__(self) -> str:
        return f"Version {self.version} is {self.version_status}; it was not rejected."


@dataclass(eq=False)
class QuarantineEnded(EntrepotError):
    """The bytes of the rejected or failed version are not kept any more: they were accepted as
    version `accepted_as`, or version `corrected_by` replaces them, or too much time has passed."""

    version: int
    accepted_as: int | None = None
    corrected_by: int | None = None

    def __str__(self) -> str:
        if self.accepted_as is not None:
            return f"Version {self.version} was accepted as version {self.accepted_as}."
        if self.corrected_by is not None:
            return (
                f"Version {self.corrected_by} corrects version {self.version}, whose bytes are"
                " not kept any more."
            )
        return f"The bytes of version {self.version} are not kept any more. Deliver them again."


@dataclass(eq=False)
class NoSuggestion(EntrepotError):
    """The report on the rejected version suggests no change of the contract."""

    version: int

    def __str__(self) -> str:
        return f"No small change of the contract would make version {self.version} valid."


@dataclass(eq=False)
class SuggestionOutdated(EntrepotError):
    """The contract has changed since the suggestion was made: it was for `revision`."""

    version: int
    revision: int
    current_revision: int

    def __str__(self) -> str:
        return (
            f"The suggestion for version {self.version} is for revision {self.revision} of the"
            f" schema; the file has revision {self.current_revision} by now."
        )


@dataclass(eq=False)
class VersionIsCurrent(EntrepotError):
    """The version is the current one, which readers get, so it cannot be deleted."""

    version: int

    def __str__(self) -> str:
        return f"Version {self.version} is the current one; deliver another first."


@dataclass(eq=False)
class NothingToUndo(EntrepotError):
    """Nothing was deleted, or too long ago."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class VersionNotTabular(EntrepotError):
    """The version is not a table, so it has no other format."""

    format: str
    media_type: str

    def __str__(self) -> str:
        return f"The version is not a table ({self.media_type}): it has no {self.format}."


@dataclass(eq=False)
class FormNotReady(EntrepotError):
    """The format is being made still; ask again after `retry_after` seconds."""

    format: str
    retry_after: int

    def __str__(self) -> str:
        return f"The version is being made into {self.format}. Ask again in {self.retry_after} s."


@dataclass(eq=False)
class DerivativeFailed(EntrepotError):
    """The format could not be made; a request after `retry_after` seconds tries again.

    `cause` is a code, `reason` one sentence.
    """

    format: str
    cause: str
    reason: str
    retry_after: int

    def __str__(self) -> str:
        return f"The version could not be made into {self.format}. {self.reason}"


@dataclass(eq=False)
class BreakingChange(EntrepotError):
    """A new schema has breaking changes that nobody accepted.

    `changes` are all changes, the compatible ones too: `pointer`, `change`, `effect`, `reason`.
    """

    changes: list[dict[str, Any]]

    def __str__(self) -> str:
        broken = [change for change in self.changes if change["effect"] == "breaking"]
        first = f"{broken[0]['change']}: {broken[0]['reason']}"
        more = f", and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        return f"The schema has breaking changes: {first}{more}. Nothing was changed."


@dataclass(eq=False)
class NameTaken(EntrepotError):
    """An account or a user with this name exists."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} exists already."


@dataclass(eq=False)
class PathTaken(EntrepotError):
    """Another file of the account has this path, or a form of it has this address."""

    path: str
    taken_by: str

    def __str__(self) -> str:
        if self.path == self.taken_by:
            return f"Another file of the account has the path {self.path}."
        return (
            f"The path {self.path} could be confused with {self.taken_by}, the path of another file"
            " of the account: they differ in case, or one is the address of a form of the other."
        )


@dataclass(eq=False)
class FileBusy(EntrepotError):
    """Tasks of the file are running, so that it cannot go to another account now."""

    tasks: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"{counted(self.tasks, 'task')} of the file must end first; accept the file after that."
        )


@dataclass(eq=False)
class TaskFinished(EntrepotError):
    """The task has ended and cannot be canceled any more."""

    task_status: str

    def __str__(self) -> str:
        return f"The task has ended already: {self.task_status}."


@dataclass(eq=False)
class UserOwnsFiles(EntrepotError):
    """A user who owns files cannot be deleted before they are transferred."""

    files: int

    def __str__(self) -> str:
        return f"The user owns {counted(self.files, 'file')}; hand them over first."


@dataclass(eq=False)
class LastAdmin(EntrepotError):
    """The account would be left without an admin who can act."""


@dataclass(eq=False)
class UploadInterrupted(EntrepotError):
    """The upload was ended, or its time was over: nothing was delivered. Send it again."""


@dataclass(eq=False)
class DraftBusy(EntrepotError):
    """Another request holds this upload, or a newer one has taken it over."""

    retry_after: int = 1


@dataclass(eq=False)
class OffsetMismatch(EntrepotError):
    """A part of a resumable upload does not begin where the received bytes end."""

    offset: int
    requested: int

    def __str__(self) -> str:
        return (
            f"The server has {counted(self.offset, 'byte')}; the request begins at "
            f"{self.requested:,}."
        )


@dataclass(eq=False)
class UploadIncomplete(EntrepotError):
    """An upload that is to be joined with others is not complete."""

    upload: str

    def __str__(self) -> str:
        return f"The partial upload {self.upload} is not complete, so it cannot be joined."


@dataclass(eq=False)
class UploadSealed(EntrepotError):
    """The upload is the join of others, or part of one: it takes no bytes."""


@dataclass(eq=False)
class RequestUnderWay(EntrepotError):
    """The first request with the same Idempotency-Key has not ended; ask again."""

    retry_after: int = 5


@dataclass(eq=False)
class PreviewUnavailable(EntrepotError):
    """No preview can be made now, for no fault of the request."""

    retry_after: int = 2
