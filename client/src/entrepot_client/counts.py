"""Numbers with their nouns, in every text of the client and of the server."""


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 column`, `1,204 columns`, `1 entry`, `0.5 seconds`."""
    figure = f"{number:,}".removesuffix(".0")
    return f"{figure} {noun if number == 1 else plural or noun + 's'}"
