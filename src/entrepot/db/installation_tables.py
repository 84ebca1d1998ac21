"""The identity of the installation: one row."""

from sqlalchemy import Column, LargeBinary, Table, Uuid

from entrepot.db.metadata import metadata
from entrepot.db.types import UtcTime

installation = Table(
    "installation",
    metadata,
    Column("id", Uuid, primary_key=True),
    # HMAC-SHA256 of the id under the installation's secret: it tells whether a secret is the right
    # one, and nothing about the secret.
    Column("secret_digest", LargeBinary(32), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
