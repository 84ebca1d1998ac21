"""Page, filter and sort lists."""
