"""Webhooks and the feed of events by REST."""
