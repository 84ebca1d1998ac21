"""Take deliveries: define a file, deliver, resume, restore, accept; each ends in a commit point.

In: a durable blob (`StoredUpload`) and what the request says of it. Out: a version or a
validation with its task, written in one transaction.
"""
