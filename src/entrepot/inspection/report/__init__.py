"""Write the report of an inspection, its summary in one sentence, and the file's profile.

In: errors and counts. Out: plain documents (Frictionless v5).
"""
