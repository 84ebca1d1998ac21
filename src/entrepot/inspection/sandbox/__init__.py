"""Run inspections in locked-down processes, forked from one that is loaded and warm.

In: a request (`results`) and limits. Out: its result, or a failure with the limit or the crash.
"""
