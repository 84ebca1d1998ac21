"""Answer errors with RFC 9457 problem documents."""
