"""The commands of the program `entrepot`, one module per group."""
