"""The requests of the API, one module per noun; `Client` has them all."""
