"""Accounts, their users, API keys and sign-in: who is acting."""
