"""Check what must always hold: what `entrepot doctor --deep` runs.

In: the database and the store, while nothing else runs. Out: a sentence for each fault, none if
all holds.
"""
