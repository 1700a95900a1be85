"""The REST views of bookings, by noun."""

from bookings.api.rest.declared import MANAGE_TOKEN_HEADER

__all__ = ["MANAGE_TOKEN_HEADER"]
