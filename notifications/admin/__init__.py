"""Messages and an organization's own words, in the admin."""

from notifications.admin.deliveries import DeliveryAdmin
from notifications.admin.wordings import WordingAdmin

__all__ = ["DeliveryAdmin", "WordingAdmin"]
