"""A small model of Entrepot: files, versions, rights, quotas and tasks, as lists.

Each operation either changes the model or raises `ModelError` with the codes that the answer may
have. There are two codes where the product may name either of two faults. No operation here knows
the product's code: the rules were written by hand, from the design.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["published", "rejected", "deleted"]
Rights = Literal["", "r", "w", "rw"]


class ModelError(Exception):
    """The operation must fail with one of these codes, and leave everything as it was."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = set(codes)


def _require_all(*checks: Callable[[], None]) -> None:
    """Raise Refused with the codes of all that fail: which of them is named is not promised."""
    codes: set[str] = set()
    for check in checks:
        try:
            check()
        except ModelError as refused:
            codes |= refused.codes
    if codes:
        raise ModelError(*codes)


@dataclass(frozen=True)
class Person:
    """A user of an account, as `account:name`."""

    user_name: str
    admin: bool

    @property
    def account(self) -> str:
        return self.user_name.partition(":")[0]

    @property
    def colleagues(self) -> str:
        """What a whole account is shared with as."""
        return f"{self.account}:*"


@dataclass(frozen=True)
class Payload:
    """Bytes to deliver, and whether they keep the contract of a strict file."""

    content: bytes
    sound: bool

    def __len__(self) -> int:
        return len(self.content)


@dataclass
class ModelVersion:
    """One delivery; `kept` says that its bytes are there and count."""

    number: int
    table: Payload
    by: Person
    status: Status = "published"
    origin: dict[str, Any] = field(default_factory=dict)
    kept: bool = True
    spared: bool = False
    overcome: bool = False


@dataclass
class ModelTask:
    """A task that has ended."""

    task_id: str
    user: Person
    file: "ModelFile"
    succeeded: bool
    home: str
    """The account it belongs to: its file's; that of whoever had something validated."""
    stores: bool = True


@dataclass
class ModelFile:
    """A contract and what was delivered under it."""

    name: str
    limit: int
    strict: bool
    owner: Person
    file_id: str = ""
    description: str = ""
    versions: list[ModelVersion] = field(default_factory=list)
    grants: dict[str, Rights] = field(default_factory=dict)
    deleted: bool = False
    offered_to: Person | None = None
    keep_last: int | None = None

    @property
    def account(self) -> str:
        return self.owner.account

    @property
    def published(self) -> list[ModelVersion]:
        """Oldest first."""
        return [version for version in self.versions if version.status == "published"]

    @property
    def current(self) -> ModelVersion | None:
        return self.published[-1] if self.published else None

    @property
    def size(self) -> int:
        """Bytes that count."""
        return sum(len(version.table) for version in self.versions if version.kept)

    def manages(self, who: Person) -> bool:
        return who == self.owner or (who.admin and who.account == self.account)

    def rights(self, who: Person) -> Rights:
        """What somebody may do; nothing means that they may not know of the file."""
        return "" if self.deleted else self.rights_before(who)

    def rights_before(self, who: Person) -> Rights:
        """As `rights`, whether or not the file was deleted."""
        if self.manages(who):
            return "rw"
        if self.current is None:
            return ""
        held = "".join(self.grants.get(name, "") for name in (who.user_name, who.colleagues))
        return "rw" if {*held} == {"r", "w"} else held[:1]  # type: ignore[return-value]

    def visible(self, who: Person) -> list[ModelVersion]:
        """The versions that somebody may see, oldest first."""
        if self.manages(who):
            return self.versions
        own = [version for version in self.versions if version.by == who]
        if "r" not in self.rights(who):
            return own
        return [each for each in self.versions if each in own or each.status == "published"]

    def find(self, number: int, who: Person | None = None) -> ModelVersion:
        """A version, of those that `who` may see. Raises Refused."""
        for version in self.versions if who is None else self.visible(who):
            if version.number == number:
                return version
        raise ModelError("not-found")

    def require(self, who: Person, right: Rights) -> None:
        """Raise Refused for who has not this right."""
        held = self.rights(who)
        if not held:
            raise ModelError("not-found")
        if not {*right} <= {*held}:
            raise ModelError("not-allowed")

    def require_manager(self, who: Person) -> None:
        self.require(who, "")
        if not self.manages(who):
            raise ModelError("not-allowed")


@dataclass
class Model:
    """Everything that can be read of the product, `quota` bytes an account."""

    quotas: dict[str, int]
    files: list[ModelFile] = field(default_factory=list)
    tasks: list[ModelTask] = field(default_factory=list)

    def used(self, account: str) -> int:
        return sum(file.size for file in self.files if file.account == account)

    def _require_room(self, account: str, size: int, who: Person) -> None:
        if self.used(account) + size > self.quotas[account]:
            ours = who.account == account
            raise ModelError("account-quota-exceeded" if ours else "owner-quota-exceeded")

    def _require_fit(self, limit: int, account: str, size: int, who: Person) -> None:
        """Raise Refused for what is too large for the file, for the account, or for both."""

        def fits() -> None:
            if size > limit:
                raise ModelError("file-too-large")

        _require_all(fits, lambda: self._require_room(account, size, who))

    def _end(self, file: ModelFile, who: Person, task_id: str, succeeded: bool) -> None:
        self.tasks.append(ModelTask(task_id, who, file, succeeded, file.account))

    def _add(
        self, file: ModelFile, who: Person, table: Payload, task_id: str, **origin: Any
    ) -> ModelVersion:
        """The next version, as its inspection decides on it."""
        version = ModelVersion(len(file.versions) + 1, table, who, origin=origin)
        sound = table.sound or not file.strict or "accepted_from" in origin
        version.status = "published" if sound else "rejected"
        file.versions.append(version)
        overcome = origin.get("accepted_from") or origin.get("replaces")
        if sound and overcome:
            file.find(overcome).overcome = True
        if sound:
            self.apply_retention(file)
        self._end(file, who, task_id, sound)
        return version

    def may_define(self, who: Person, table: Payload, limit: int) -> None:
        self._require_fit(limit, who.account, len(table), who)

    def define(self, who: Person, file: ModelFile, table: Payload, task_id: str) -> None:
        self.files.append(file)
        self._add(file, who, table, task_id)

    def may_deliver(
        self, who: Person, file: ModelFile, table: Payload, replaces: int | None
    ) -> None:
        file.require(who, "w")
        _require_all(
            lambda: self._require_fit(file.limit, file.account, len(table), who),
            lambda: self._require_replaceable(who, file, replaces),
        )

    def _require_replaceable(self, who: Person, file: ModelFile, number: int | None) -> None:
        result = [version for version in file.versions if version.number == number]
        if number is None:
            return
        if not result or not (file.manages(who) or result[0].by == who):
            raise ModelError("field-invalid")
        if result[0].status != "rejected":
            raise ModelError("version-not-rejected")

    def deliver(
        self,
        who: Person,
        file: ModelFile,
        table: Payload,
        task_id: str,
        replaces: int | None = None,
    ) -> None:
        self._add(file, who, table, task_id, **({"replaces": replaces} if replaces else {}))

    def may_validate(self, who: Person, file: ModelFile, table: Payload) -> None:
        file.require(who, "")
        self._require_fit(file.limit, who.account, len(table), who)

    def validate(self, who: Person, file: ModelFile, table: Payload, task_id: str) -> bool:
        """Whether it keeps the contract; nothing is stored."""
        sound = table.sound or not file.strict
        self.tasks.append(ModelTask(task_id, who, file, sound, who.account, stores=False))
        return sound

    def may_restore(self, who: Person, file: ModelFile, number: int) -> None:
        file.require(who, "r")
        file.require(who, "w")
        version = file.find(number, who)
        if version.status != "published":
            raise ModelError("version-not-published")
        self._require_fit(file.limit, file.account, len(version.table), who)

    def restore(self, who: Person, file: ModelFile, number: int, task_id: str) -> None:
        self._add(file, who, file.find(number).table, task_id, restored_from=number)

    def may_accept(self, who: Person, file: ModelFile, number: int) -> None:
        file.require_manager(who)
        version = file.find(number)
        if version.status != "rejected":
            raise ModelError("version-not-rejected")
        if version.overcome:
            raise ModelError("quarantine-ended")
        self._require_fit(file.limit, file.account, len(version.table), who)

    def accept(self, who: Person, file: ModelFile, number: int, reason: str, task_id: str) -> None:
        table = file.find(number).table
        self._add(file, who, table, task_id, accepted_from=number, reason=reason)

    def change_limit(self, who: Person, file: ModelFile, limit: int) -> None:
        file.require_manager(who)
        if file.current is not None and limit < len(file.current.table):
            raise ModelError("size-limit-too-small")
        file.limit = limit

    def keep_last(self, who: Person, file: ModelFile, count: int | None) -> None:
        """Takes effect with the next publication, or sweep."""
        file.require_manager(who)
        file.keep_last = count

    def may_enforce(self, who: Person, file: ModelFile) -> None:
        file.require_manager(who)

    def enforce(self, who: Person, file: ModelFile, task_id: str) -> None:
        """Make the contract strict, if the current version keeps it."""
        sound = file.current is None or file.current.table.sound
        file.strict = file.strict or sound
        self._end(file, who, task_id, sound)

    def delete_version(self, who: Person, file: ModelFile, number: int) -> None:
        file.require_manager(who)
        version = file.find(number)
        if version is file.current:
            raise ModelError("version-is-current")
        if version.status != "published":
            raise ModelError("version-not-published")
        version.status = "deleted"

    def undelete_version(self, who: Person, file: ModelFile, number: int) -> None:
        file.require_manager(who)
        version = file.find(number)
        if version.status != "deleted":
            raise ModelError("nothing-to-undo")
        version.status, version.spared = "published", True

    def delete_file(self, who: Person, file: ModelFile) -> None:
        file.require_manager(who)
        file.deleted = True

    def undelete_file(self, who: Person, file: ModelFile) -> None:
        if file.deleted and file.manages(who):
            file.deleted = False
            return
        file.require_manager(who)
        raise ModelError("nothing-to-undo")

    def share(self, who: Person, file: ModelFile, name: str, right: Rights) -> None:
        file.require_manager(who)
        if name == file.owner.user_name:
            raise ModelError("field-invalid")
        file.grants[name] = right

    def unshare(self, who: Person, file: ModelFile, name: str) -> None:
        file.require_manager(who)
        if file.grants.pop(name, None) is None:
            raise ModelError("not-found")

    def transfer_file(self, who: Person, file: ModelFile, to: Person) -> None:
        file.require_manager(who)
        if to.account != who.account:
            raise ModelError("field-invalid")
        if to != file.owner:
            self._give(file, to)

    def offer(self, who: Person, file: ModelFile, to: Person) -> None:
        file.require_manager(who)
        if to.account == file.account:
            raise ModelError("field-invalid")
        file.offered_to = to

    def withdraw(self, who: Person, file: ModelFile) -> None:
        offered = not file.deleted and file.offered_to == who
        if not offered:
            file.require_manager(who)
        if file.offered_to is None:
            raise ModelError("not-found")
        file.offered_to = None

    def take(self, who: Person, file: ModelFile) -> None:
        """Accept an offer: the file and all its bytes change the account, or nothing does."""
        if file.deleted or file.offered_to != who:
            raise ModelError("not-found")
        self._require_room(who.account, file.size, who)
        for task in self.tasks:
            if task.file is file and task.stores:
                task.home = who.account
        self._give(file, who)

    def _give(self, file: ModelFile, to: Person) -> None:
        file.owner, file.offered_to = to, None
        file.grants.pop(to.user_name, None)

    def apply_retention(self, file: ModelFile) -> None:
        if file.keep_last is None:
            return
        before = [version for version in file.published[:-1] if not version.spared]
        for version in before[::-1][file.keep_last - 1 :]:
            version.status = "deleted"

    def sweep(self) -> None:
        """What is over goes, and the quota with it."""
        for file in self.files:
            self.apply_retention(file)
            for version in file.versions:
                version.kept = version.kept and not version.overcome

    def seen_by(self, who: Person) -> Iterator[ModelFile]:
        """The files in somebody's list without `limit`: what they manage, then what is shared."""
        seen = (file for file in self.files if file.rights(who))
        return iter(sorted(seen, key=lambda file: not file.manages(who)))

    def tasks_of(self, who: Person) -> list[ModelTask]:
        """The tasks in somebody's list, oldest first."""
        return [task for task in self.tasks if self._sees(who, task)]

    def _sees(self, who: Person, task: ModelTask) -> bool:
        if not task.file.rights_before(who):
            return False
        owns = who.admin or task.file.owner == who
        return task.user == who or (task.home == who.account and owns)
