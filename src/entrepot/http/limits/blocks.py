"""How much of an answer this process keeps for a client that does not read.

The server takes a message whole and keeps it until the client has it: four in a queue, and from
there about 400 KiB and one message more (Granian's queue, hyper's `max_buf_size`). `send` waits
only while the queue is full. So answers of more than `SMALL_BYTES` go in blocks, and theirs are the
smaller the more are under way: 100 that nobody reads held 266 MiB with blocks of 1 MiB, and 44 with
these.
"""

from starlette.types import Send

KIB = 1024
SMALL_BYTES = 64 * KIB
"""An answer that is sent as one message, and counts for nobody."""
BLOCK_STEPS = ((4, 512 * KIB), (16, 256 * KIB))
"""Downloads under way, and the size of the blocks of a new one up to this many: those of 512 KiB
take the least CPU (docs/decisions/0085). No more downloads have large ones than the step says: one
that has them is among those under way."""
QUEUED_MESSAGES = 4


def block_bytes(under_way: int) -> int:
    """The size of the blocks of one more download, where this many are under way with it."""
    return next((size for most, size in BLOCK_STEPS if under_way <= most), SMALL_BYTES)


async def wait_until_taken(send: Send) -> None:
    """Wait, after the last block, until the server has no more than its last 400 KiB in memory.

    Empty messages are dropped, but only when the ones before them were taken. Without them the last
    five blocks would count as sent while the client reads nothing.
    """
    for _ in range(QUEUED_MESSAGES + 1):
        await send({"type": "http.response.body", "body": b"", "more_body": True})
