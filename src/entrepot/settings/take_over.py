"""How long it takes at most until the work of a worker that died is claimed by another one.

Three times add up: its lease ends, the others look at the queue, and one of them claims. What a
frozen process holds locked in the database ends with the lease too, counted from the same moment.
"""

TAKE_OVER_SECONDS = 30
"""The sum, for work that a worker has a free place for."""
CLAIM_SECONDS = 5
"""To claim. Measured: 0.1 s, also with 8 busy loops beside it on 2 cores."""
MAX_QUEUE_POLL = 5
"""The largest `queue_poll`, in seconds."""
MAX_LEASE = TAKE_OVER_SECONDS - CLAIM_SECONDS - MAX_QUEUE_POLL
"""The largest `lease`, in seconds."""
