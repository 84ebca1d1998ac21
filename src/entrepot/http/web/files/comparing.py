"""The form by which two versions are compared, on the page of their file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from entrepot.errors import FieldInvalid
from entrepot.files.comparisons import VersionPair
from entrepot.files.queries.versions_list import Version
from entrepot.http.parameters import NUMBER
from entrepot.http.web.form import PageForm

EXAMPLES = 20
"""Rows of each kind that the page of a comparison shows."""


@dataclass(frozen=True)
class ComparisonDraft:
    """The form as it was filled in, so that it can be shown again with what is wrong."""

    before: str
    after: str
    key: str = ""
    error: FieldInvalid | None = None

    def versions(self) -> VersionPair:
        """The two versions and the key. Raises FieldInvalid."""
        numbers = []
        for name, text in (("before", self.before), ("after", self.after)):
            number = NUMBER.read(text, name)
            if number is None:
                raise FieldInvalid(name, "must be the number of a version.")
            numbers.append(number)
        key = tuple(name.strip() for name in self.key.split(",") if name.strip())
        return VersionPair(numbers[0], numbers[1], key or None, EXAMPLES)

    def rejected(self, error: FieldInvalid) -> "ComparisonDraft":
        """The form again, and why."""
        return replace(self, error=error)


def read_comparison(form: PageForm) -> ComparisonDraft:
    """The form as it came."""
    return ComparisonDraft(
        form.text("before").strip(), form.text("after").strip(), form.text("key").strip()
    )


def propose_comparison(
    versions: Sequence[Version], user_name: str, now: datetime
) -> ComparisonDraft | None:
    """The newest two of the versions that the user can compare; None if there are no two."""
    numbers = [each.number for each in versions if _has_bytes(each, user_name, now)]
    return ComparisonDraft(str(numbers[1]), str(numbers[0])) if len(numbers) > 1 else None


def _has_bytes(version: Version, user_name: str, now: datetime) -> bool:
    """Whether the user can read the version's bytes: as published, or as their own delivery."""
    kept_until = version.quarantined_until
    is_own = version.user_name == user_name and kept_until is not None and kept_until > now
    return version.status == "published" or is_own
