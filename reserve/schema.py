"""The GraphQL schema: the apps' parts, joined."""

import graphene

from accounts.api import graphql as accounts
from bookings.api import graphql as bookings
from reserve.core.graphql.nulls import read_nulls_as_left_out
from venues.api import graphql as venues


class Query(bookings.Query, venues.Query, accounts.Query):
    pass


class Mutation(bookings.Mutation, venues.Mutation, accounts.Mutation):
    pass


class Subscription(bookings.Subscription):
    pass


schema = graphene.Schema(query=Query, mutation=Mutation, subscription=Subscription)
read_nulls_as_left_out(schema.graphql_schema)
