"""API keys: make, see their last use, revoke."""
