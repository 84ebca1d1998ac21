"""The light client of Entrepot: the `entrepot` program and its HTTP client."""
