"""JSON pointers (RFC 6901), as `schema-invalid` tells the place of a fault."""


def below(at: str, key: str | int) -> str:
    """The pointer to `key` of what is at `at`."""
    return f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
