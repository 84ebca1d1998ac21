"""Read files, versions, findings and activity for an actor.

In: a connection for reading, the actor, and a filter. Out: frozen records of what the actor may
see.
"""
