"""The way out of a rejection: the smallest compatible change under which a delivery is valid.

In: a rejected table and its contract. Out: a proposed contract, proved by judging again.
"""
