"""Take deliveries: define a file, deliver, resume, restore, accept; each ends in a commit point."""
