"""Read files, versions, findings and activity for an actor."""
