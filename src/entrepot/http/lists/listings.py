"""The lists that the API and the pages show page by page; for files see `http.lists.filters`."""

from entrepot.accounts.keys import ApiKey
from entrepot.accounts.users import User
from entrepot.files.delivery.under_way import UploadUnderWay
from entrepot.files.queries.activity import ActivityRow
from entrepot.files.queries.versions_list import Version
from entrepot.files.transfer import Offer
from entrepot.grants.entitlements import GrantedEntitlement
from entrepot.grants.file_links import FileLink
from entrepot.http.lists.paging import Listing, number_position
from entrepot.tasks.records import TaskRecord

KEYS = Listing[ApiKey]("keys", lambda key: (key.created_at, key.id))
NEWEST_KEYS = Listing[ApiKey]("keys", KEYS.position, scope="newest first")
USERS = Listing[User]("users", lambda user: (user.created_at, user.id))
OFFERS = Listing[Offer]("offers", lambda offer: (offer.created_at, offer.file_id))
UPLOADS = Listing[UploadUnderWay]("uploads", lambda upload: (upload.created_at, upload.upload_id))
TASKS = Listing[TaskRecord]("tasks", lambda task: (task.created_at, task.id))
ACTIVITY = Listing[ActivityRow]("activity", lambda entry: number_position(entry.at, entry.number))
"""Of an account or a user; that `of` a file is another."""
ENTITLEMENTS = Listing[GrantedEntitlement](
    "entitlements", lambda granted: (granted.created_at, granted.grantee_id)
)
"""Of no file yet, as those of links and of versions."""
LINKS = Listing[FileLink]("links", lambda link: (link.created_at, link.id))
VERSIONS = Listing[Version](
    "versions", lambda version: number_position(version.created_at, version.number)
)
