"""Answer previews: cursors, sandboxed processes, and how many run at a time."""
