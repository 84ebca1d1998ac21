"""Express the values of Table Schema as SQL: forms, types, order, exact numbers.

In: a column and a field. Out: SQL expressions.
"""
