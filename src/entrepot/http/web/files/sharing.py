"""The forms by which a file is shared and offered, on its page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from entrepot.errors import FieldInvalid
from entrepot.grants.access import Entitlement
from entrepot.http.parameters import DAYS
from entrepot.http.web.form import PageForm
from entrepot.http.web.form_labels import periods
from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS

LIVES = periods("", "7", "30", "365")
"""The choices of how long it lasts: days as the form sends them, and the words."""


@dataclass(frozen=True)
class SharingDraft:
    """The two forms as they were filled in, so that they can be shown again with what is wrong."""

    user_name: str = ""
    entitlement: str = "r"
    days: str = ""
    error: FieldInvalid | None = None
    offer_to: str = ""
    offer_error: FieldInvalid | None = None

    def entitlement_terms(self, now: datetime) -> tuple[str, Entitlement, datetime | None]:
        """Who may do what, until when. Raises FieldInvalid."""
        if self.entitlement not in ENTITLEMENT_LABELS:
            raise FieldInvalid("entitlement", "choose one of the list.")
        if self.days not in dict(LIVES):
            raise FieldInvalid("expires_at", "choose one of the list.")
        until = now + timedelta(days=DAYS.require(self.days, "expires_at")) if self.days else None
        return self.user_name, cast(Entitlement, self.entitlement), until


def read_draft(form: PageForm) -> SharingDraft:
    """The form as it came."""
    return SharingDraft(
        form.text("user_name").strip(), form.text("entitlement"), form.text("expires")
    )
