"""The GraphQL types and fields of bookings, by noun."""

from bookings.api.graphql import bookings, previews, queries, schedule, slots, subscriptions


class Query(previews.Query, slots.Query, queries.Query):
    pass


class Mutation(schedule.Mutation, slots.Mutation, bookings.Mutation):
    pass


class Subscription(subscriptions.Subscription):
    pass
