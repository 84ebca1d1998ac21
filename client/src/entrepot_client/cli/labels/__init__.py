"""What rights, usage and activity are called, in the program and on the pages."""
