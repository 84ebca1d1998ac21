"""What pydantic says of a wrong value, in our words: its own name types of Python, and patterns.

The program's options and the API's parameters, headers and bodies are read by pydantic.
"""

import re

_PHRASES = (
    (r"Input should be greater than or equal to (.+)", r"must be \1 or more"),
    (r"Input should be less than or equal to (.+)", r"must be \1 or less"),
    (r"Input should be greater than (.+)", r"must be more than \1"),
    (r"Input should be less than (.+)", r"must be less than \1"),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"Input should be a valid string.*", "must be a text"),
    (r"Input should be a valid list.*", "must be a list"),
    (r"Input should be a valid (dictionary|object).*", "must be a JSON object"),
    (
        r"Input should be a valid UUID.*",
        "must be an id, such as 53c9c295-83f4-4754-a781-cd03841c806f",
    ),
    (r"Input should be a valid datetime.*", "must be a time, such as 2026-01-31T08:00:00Z"),
    (r"Input should be a valid date.*", "must be a date, such as 2026-01-31"),
    (r"Input should have timezone info", "must have a time zone, such as 2026-01-31T08:00:00Z"),
    (r"(?:Input|Date|Datetime|Time) should (.+)", r"must \1"),
    (r"String should match pattern .*", "does not have the expected form"),
    (r"String should have at least (\d+) characters?", r"must have at least \1 characters"),
    (r"String should have at most (\d+) characters?", r"must have at most \1 characters"),
    (r"(?:List|Dictionary) should have at least (\d+) items?.*", r"must have at least \1 entries"),
    (r"(?:List|Dictionary) should have at most (\d+) items?.*", r"must have at most \1 entries"),
    (r"Field required", "is required"),
    (r"Extra inputs are not permitted", "is not known"),
    (r"Unable to parse input string as an integer, .*", "has too many digits"),
    (r"JSON decode error.*", "must be valid JSON"),
    (r"Value error, (.+)", r"\1"),
)


def plain_words(message: str) -> str:
    """The message as a part of a sentence whose subject is the field; one of ours is as it was."""
    for pattern, words in _PHRASES:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            return match.expand(words)
    return message
