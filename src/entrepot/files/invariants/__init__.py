"""Check what must always hold: what `entrepot doctor --deep` runs."""
