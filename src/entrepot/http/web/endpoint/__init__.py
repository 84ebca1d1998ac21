"""The endpoint address and how to use it."""
