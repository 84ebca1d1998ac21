"""What the processes of a server count for Prometheus, and how one process reads it from all."""
