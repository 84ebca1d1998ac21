"""Process tasks: inspect, validate, compare, and publish or reject a version."""
