"""The tables. Sizes are bytes, times are UTC; `docs/glossary.md` explains the nouns.

One place to import them from: they stand in the modules below, by what they are about.
"""

from entrepot.db.account_tables import (
    accounts,
    failed_sign_ins,
    key_networks,
    keys,
    metadata_changes,
    sessions,
    sign_in_links,
    users,
)
from entrepot.db.activity_tables import activity, activity_heads, open_reads
from entrepot.db.file_tables import (
    ALL_ACCOUNTS,
    checks,
    comparisons,
    derivative_changes,
    derivatives,
    entitlements,
    files,
    inspections,
    offers,
    released_blobs,
    schema_revisions,
    senders,
    versions,
)
from entrepot.db.installation_tables import installation
from entrepot.db.link_tables import file_links, link_downloads
from entrepot.db.metadata import metadata
from entrepot.db.task_tables import (
    queue_entries,
    replies,
    reservations,
    tasks,
    uploads,
    worker_leases,
)

__all__ = [
    "ALL_ACCOUNTS",
    "accounts",
    "activity",
    "activity_heads",
    "checks",
    "comparisons",
    "derivative_changes",
    "derivatives",
    "entitlements",
    "failed_sign_ins",
    "file_links",
    "files",
    "inspections",
    "installation",
    "key_networks",
    "keys",
    "link_downloads",
    "metadata",
    "metadata_changes",
    "offers",
    "open_reads",
    "queue_entries",
    "released_blobs",
    "replies",
    "reservations",
    "schema_revisions",
    "senders",
    "sessions",
    "sign_in_links",
    "tasks",
    "uploads",
    "users",
    "versions",
    "worker_leases",
]
