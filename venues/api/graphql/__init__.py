"""The GraphQL types and fields of venues, by noun."""

from venues.api.graphql.venues import Mutation, Query, Resource, Venue

__all__ = ["Mutation", "Query", "Resource", "Venue"]
