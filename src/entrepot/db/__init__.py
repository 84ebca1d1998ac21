"""Engine, tables and units of work: the only package that opens transactions and commits them."""
