"""The product: define a file, deliver to it, inspect, publish, read.

In: a connection, an actor or a checked handle of `grants`, and plain values. Out: frozen records,
or an error with figures. Nothing here knows HTTP.
"""
