"""Relay connections over our pages (relay.dev/graphql/connections.htm)."""

from typing import Any, TypeVar

import graphene
from graphene.relay.connection import PageInfo

from reserve.core.pages import MAX_PAGE_SIZE, Page

Connection = TypeVar("Connection", bound=graphene.relay.Connection)

PAGE_ARGUMENTS: dict[str, Any] = {
    "first": graphene.Int(default_value=20, description=f"Page size, 1 to {MAX_PAGE_SIZE}."),
    "after": graphene.String(description="The cursor after which the page begins."),
}
"""The arguments of every field that answers a connection."""


class TotalCount:
    """Part of a connection: how long the whole list is."""

    total_count = graphene.Int(required=True, description="How many there are altogether.")


def connection_of(kind: type[Connection], page: Page[Any]) -> Connection:
    connection: Connection = kind(
        edges=[
            kind.Edge(node=item, cursor=cursor)
            for item, cursor in zip(page.items, page.cursors, strict=True)
        ],
        page_info=PageInfo(
            has_previous_page=page.has_previous,
            has_next_page=page.has_next,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        total_count=page.total,
    )
    return connection
