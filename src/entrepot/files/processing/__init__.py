"""Process tasks: inspect, validate, compare, and publish or reject a version.

In: the id of a task from the queue. Out: the task's end with its report, and for a delivery the
version's decision, in one transaction. Each function may run twice and then changes nothing.
"""
