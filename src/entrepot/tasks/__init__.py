"""Background work: the public task records, and the durable queue that gets them done."""
