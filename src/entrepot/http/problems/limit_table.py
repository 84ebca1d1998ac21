"""The problems of too many requests, transfers or things: a part of `http.problems.table`."""

from entrepot import errors
from entrepot.http.problems.task_table import ProblemKind

LIMIT_KINDS: dict[type[errors.EntrepotError], ProblemKind] = {
    errors.TooManyKeys: ProblemKind(
        409,
        "too-many-keys",
        "The user has too many keys",
        "Revoke a key that is no longer used, then make the new one.",
    ),
    errors.TooManyPreviews: ProblemKind(
        429,
        "too-many-previews",
        "Too many previews at once",
        "Wait for one of the account's previews to be answered.",
    ),
    errors.TooManyUploads: ProblemKind(
        429,
        "too-many-uploads",
        "Too many uploads at once",
        "Wait for one of the account's running uploads to end.",
    ),
    errors.TooManySchemas: ProblemKind(
        429,
        "too-many-schemas",
        "Too many contracts at once",
        "Wait for one of the account's contracts to be parsed.",
    ),
    errors.TooManyStreams: ProblemKind(
        429,
        "too-many-streams",
        "Too many event streams at once",
        "Close a stream that is no longer needed, or request the task from time to time instead "
        "of following it.",
    ),
    errors.TooManyFormWaits: ProblemKind(
        429,
        "too-many-form-waits",
        "Too many requests wait",
        "Send the header `Prefer: wait=0`, or fewer requests at the same time.",
    ),
    errors.TooManyDownloads: ProblemKind(
        429,
        "too-many-downloads",
        "Too many large downloads at once",
        "Wait for one of the account's running downloads to end.",
    ),
    errors.RateLimited: ProblemKind(
        429,
        "rate-limited",
        "Requests come too fast",
        "Wait for the seconds in `Retry-After`. The header `RateLimit` of each answer shows how "
        "many requests are left.",
    ),
    errors.TooManyBodies: ProblemKind(
        429,
        "too-many-bodies",
        "Too many requests at once without a valid key",
        "Wait until the other requests have ended, or send a valid key.",
    ),
    errors.TooManyAttempts: ProblemKind(
        429, "too-many-attempts", "Too many attempts", "Wait, then try again."
    ),
}
