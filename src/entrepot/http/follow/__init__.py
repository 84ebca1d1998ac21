"""Who waits for a task or a form: woken once it changes.

Whoever reads this folder for the first time begins with `state_watch`.
"""
