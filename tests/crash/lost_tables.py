"""Which tables' rows may be gone without a breach of an invariant, and which may not."""

LOST_WITHOUT_HARM = {
    "accounts": "no installation without one is opened beside a store with bytes",
    "installation": "the next command takes the id from the store, and the secret from its file",
    "sessions": "people sign in again",
    "sign_in_links": "an admin makes another",
    "failed_sign_ins": "the count begins again",
    "open_reads": "the next read begins another row of the record",
    "link_downloads": "the count begins again",
    "worker_leases": "a worker writes its own again within seconds",
    "released_blobs": "the sweep finds their bytes, which no row names",
    "uploads": "the sweep finds their bytes, and releases what they reserved",
    "reservations": "seen with an upload that needs one: `remove_reservations`",
    "replies": "a request that is repeated is done again",
    "comparisons": "they are made again when somebody asks",
    "queue_entries": "seen with a task that has not ended: `lose_the_queued_task`",
    "entitlements": "the record of activity says what was granted; it is granted again",
    "senders": "their settings are made again",
    "offers": "a file is offered again",
    "file_links": "a link is made again",
}
"""Tables whose rows may be gone without a breach, and why. All others are seen."""
OF_SEARCHES = {"file_numbers": "it has no number", "file_search": "is not found by its name"}
"""The tables of SQLite's index of names, which the metadata does not have."""
