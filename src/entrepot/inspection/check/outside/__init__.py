"""Rows of a first version that are not meant as rows, though they have its number of cells: the
header again, totals, comments and notes.
"""
