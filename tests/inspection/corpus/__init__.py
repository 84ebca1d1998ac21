"""Polluted delimited texts with known truth; README.md says how they were made."""
