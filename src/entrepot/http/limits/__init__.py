"""Limit requests and concurrent transfers per account, key and address."""
