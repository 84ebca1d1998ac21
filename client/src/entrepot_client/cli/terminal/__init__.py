"""Tables and sentences at the width of a terminal."""
