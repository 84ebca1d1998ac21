"""Send versions: whole, in ranges, conditionally, in each form."""
