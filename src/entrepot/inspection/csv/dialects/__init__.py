"""Find the dialect of a text: candidates, their scores, and the best one.

In: the first records of a text. Out: a `ScoredDialect`.
"""
