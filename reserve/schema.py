"""The GraphQL schema: the apps' parts, joined."""

import graphene

from accounts.api import graphql as accounts
from bookings.api import graphql as bookings
from notifications.api import graphql as notifications
from reserve.core.graphql.nulls import read_nulls_as_left_out
from venues.api import graphql as venues
from webhooks.api import graphql as webhooks


class Query(webhooks.Query, notifications.Query, bookings.Query, venues.Query, accounts.Query):
    """What can be read. Every field asks for what it shows as its own caller."""


class Mutation(
    webhooks.Mutation,
    notifications.Mutation,
    bookings.Mutation,
    venues.Mutation,
    accounts.Mutation,
):
    """What can be done. Several are carried out one after the other."""


class Subscription(bookings.Subscription):
    """What is told as it happens, over WebSocket: changes only, no initial value."""


schema = graphene.Schema(query=Query, mutation=Mutation, subscription=Subscription)
read_nulls_as_left_out(schema.graphql_schema)
