"""Telling other systems of bookings: a feed that they read, and webhooks that we send."""
