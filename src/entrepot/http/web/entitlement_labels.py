"""What each entitlement allows, in words."""

from entrepot.grants.access import Entitlement

ENTITLEMENT_LABELS: dict[Entitlement, str] = {
    "r": "read",
    "w": "deliver, and see nothing but their own deliveries",
    "rw": "read and deliver",
}
