"""The ASGI application of the web process: GraphQL beside Django, HTTP and WebSocket."""

import asyncio
import os
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import URLPattern, re_path
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
# Loads the apps: what is imported below needs them. REST, admin and pages are
# synchronous views; a few threads of their own serve them at twice the speed of
# Django's ASGI handler, with as many connections (docs/adr/0008-django-by-wsgi.md).
django_application = get_wsgi_application()

from accounts.api.authentication import ACCESS_TOKENS  # noqa: E402
from accounts.revocations import start_keeper  # noqa: E402
from bookings.api.rest import MANAGE_TOKEN_HEADER  # noqa: E402
from bookings.board.consumer import BoardConsumer  # noqa: E402
from bookings.desk import desk  # noqa: E402
from bookings.queue import COMMITTERS  # noqa: E402
from reserve.core import database, replica  # noqa: E402
from reserve.core.asgi import Lifespan, RequestMiddleware  # noqa: E402
from reserve.core.cors import CrossOrigin  # noqa: E402
from reserve.core.counted import Counted  # noqa: E402
from reserve.core.figures import sample  # noqa: E402
from reserve.core.graphql.executor import Executor  # noqa: E402
from reserve.core.graphql.http import GraphQLHTTP  # noqa: E402
from reserve.core.graphql.websocket import GraphQLConsumer  # noqa: E402
from reserve.core.idempotency import IDEMPOTENCY_HEADER  # noqa: E402
from reserve.core.interpreter import settle  # noqa: E402
from reserve.core.log_output import log_output  # noqa: E402
from reserve.core.ratelimit import open_limiter  # noqa: E402
from reserve.core.rest.handler import TokenHandler  # noqa: E402
from reserve.core.rest.limits import LimitedREST  # noqa: E402
from reserve.core.sockets import OpenSockets  # noqa: E402
from reserve.core.wsgi import BufferedWSGI  # noqa: E402
from reserve.schema import schema  # noqa: E402


def _at(pattern: str, application: Any) -> URLPattern:
    """A route of Channels: its routers take ASGI applications where Django's take views."""
    route: URLPattern = re_path(pattern, application)
    return route


sampling: asyncio.Task[None] | None = None


async def prepare() -> None:
    global sampling  # noqa: PLW0603 (a task that nobody keeps may be collected)
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        import_string("reserve.telemetry.start")()
    log_output.gather()
    start_keeper()
    replica.start_watching()
    sockets.watch()
    sampling = asyncio.create_task(
        sample(
            threads={
                "database": settings.DATABASE_THREADS,
                "pages": settings.PAGE_THREADS,
                "desk": COMMITTERS,
            },
            calls={
                "database": database.calls,
                "pages": lambda: pages.calls() + rest_pages.calls(),
                "desk": desk.calls,
            },
        )
    )
    await asyncio.gather(
        database.open_connections(),
        database.open_connections(wsgi.executor, settings.PAGE_THREADS),
        open_limiter(),
    )
    settle()


async def no_such_socket(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 4404})


wsgi = WSGIMiddleware(cast(Any, django_application), workers=settings.PAGE_THREADS)
pages = Counted(cast(Any, wsgi))
# The same threads, and so the same few connections.
rest_pages = Counted(cast(Any, BufferedWSGI(TokenHandler(), threads=wsgi.executor)))
rest = LimitedREST(rest_pages, authentication=ACCESS_TOKENS)
executor = Executor(
    schema.graphql_schema,
    allows_introspection=settings.GRAPHQL_INTROSPECTION,
    makes_suggestions=settings.GRAPHQL_SUGGESTIONS,
)
graphql_http = GraphQLHTTP(executor, authentication=ACCESS_TOKENS, pages=pages)
sockets = OpenSockets(ACCESS_TOKENS)
graphql_websocket = GraphQLConsumer.as_asgi(
    executor=executor, authentication=ACCESS_TOKENS, sockets=sockets
)
board_websocket = BoardConsumer.as_asgi(authentication=ACCESS_TOKENS, sockets=sockets)

routes = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                _at(r"^graphql$", graphql_http),
                # The schema costs more than most requests.
                _at(r"^api/(v1/|schema$)", rest),
                _at(r"", pages),
            ]
        ),
        "lifespan": Lifespan(prepare),
        "websocket": URLRouter(
            [
                _at(r"^graphql$", graphql_websocket),
                _at(r"^ws/venues/(?P<venue_id>[^/]+)/$", board_websocket),
                _at(r"", no_such_socket),
            ]
        ),
    }
)
application = RequestMiddleware(
    CrossOrigin(
        routes,
        origins=settings.CORS_ALLOWED_ORIGINS,
        paths=("/api/", "/graphql"),
        headers=(IDEMPOTENCY_HEADER, MANAGE_TOKEN_HEADER),
    )
)
