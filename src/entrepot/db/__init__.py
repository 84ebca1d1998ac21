"""Engine, tables and unit of work: the one room that opens transactions and commits them."""
