"""Conditions that several constraints share."""

from django.db.models import Q


def within(field: str, minimum: int, maximum: int) -> Q:
    """From one number to the other, or empty."""
    return Q(**{f"{field}__range": (minimum, maximum)}) | Q(**{field: None})
