"""JSON pointers (RFC 6901), which name the place of a fault in a schema."""


def join_pointer(pointer: str, key: str | int) -> str:
    """The pointer to `key` within the value at `pointer`."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
