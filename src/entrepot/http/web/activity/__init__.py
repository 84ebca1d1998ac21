"""The record of activity, of a file and of the account."""
