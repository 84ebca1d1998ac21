"""Links to files: pages for those who make them, and pages for whoever has one."""
