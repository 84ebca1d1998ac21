"""The one place that builds real parts from settings and registers the workflows."""
