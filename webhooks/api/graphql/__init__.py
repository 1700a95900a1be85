"""Webhooks and the feed of events by GraphQL."""

from webhooks.api.graphql.events import EventQuery
from webhooks.api.graphql.webhooks import Mutation, WebhookQuery


class Query(WebhookQuery, EventQuery):
    pass


__all__ = ["Mutation", "Query"]
