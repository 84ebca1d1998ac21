"""What holds the bytes of an account, as the program and the pages call it."""

USAGE_LABELS = {
    "current": "current versions",
    "earlier": "earlier versions",
    "undecided": "being inspected",
    "quarantined": "rejected or not inspected",
    "deleted": "deleted, can be undone",
    "withdrawn": "withdrawn, can be undone",
    "canceled": "canceled, removed soon",
    "validations": "being validated",
    "uploads": "uploads that run",
    "resumable_uploads": "resumable uploads",
}
"""By their names in the API, in `used_by` and `reserved_by`."""
METADATA_LABEL = "descriptions, schemas, reports and the record of activity, beyond 1 MiB"
"""What counts as `metadata`."""
