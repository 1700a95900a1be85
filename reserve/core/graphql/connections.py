"""Relay connections over our pages (relay.dev/graphql/connections.htm)."""

from typing import Any, TypeVar

import graphene
from graphene.relay.connection import PageInfo

from reserve.core.pages import Page

Connection = TypeVar("Connection", bound=graphene.relay.Connection)


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
