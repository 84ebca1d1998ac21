"""What each problem means."""
