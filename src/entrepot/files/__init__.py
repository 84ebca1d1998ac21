"""The product: define a file, deliver to it, inspect, publish, read."""
