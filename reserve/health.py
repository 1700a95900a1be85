"""Whether the process answers, whether it can serve, and its figures."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django_redis import get_redis_connection
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from reserve import figures
from reserve.core import replica
from reserve.core.context import client_address
from reserve.core.logging import get_logger
from reserve.outbox.selectors import age_of_oldest_undelivered

log = get_logger(__name__)


class _NotReady(Exception):
    """A part that does not do what it must; the text says which way."""


class HealthMiddleware:
    """Answers `/health/…` before anything else.

    Whoever probes may do so by address, which ALLOWED_HOSTS need not name, and
    what the other middleware does is not what a probe asks for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match request.path_info:
            case "/health/live":
                return live()
            case "/health/ready":
                return ready()
            case _:
                return self._get_response(request)


def live() -> HttpResponse:
    return JsonResponse({"status": "ok"})


def ready() -> HttpResponse:
    """200 where everything that serving needs is there, otherwise 503 with the part that fails."""
    checks = {check.__name__.lstrip("_"): _result(check) for check in _CHECKS}
    failed = [name for name, result in checks.items() if result["status"] != "ok"]
    if failed:
        log.warning("not_ready", failed=failed)
    body = {"status": "failed" if failed else "ok", "checks": checks}
    return JsonResponse(body, status=503 if failed else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text format, for loopback and the networks that a setting names."""
    # Behind a proxy the peer is the proxy, whoever asks.
    peer = client_address() or request.META.get("REMOTE_ADDR")
    networks = [ipaddress.ip_network(network) for network in settings.METRICS_ALLOWED_NETWORKS]
    if not peer or not any(ipaddress.ip_address(peer) in network for network in networks):
        raise PermissionDenied
    return HttpResponse(figures.text(), content_type=CONTENT_TYPE_LATEST)


# --- Parts ---------------------------------------------------------------------


def _database() -> dict[str, object]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        raise _NotReady("PostgreSQL cannot be reached.") from error
    return {}


def _redis() -> dict[str, object]:
    try:
        get_redis_connection("default").ping()
    except RedisError as error:
        raise _NotReady("Redis cannot be reached.") from error
    return {}


def _migrations() -> dict[str, object]:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        raise _NotReady("PostgreSQL cannot be reached.") from error
    if missing:
        raise _NotReady(f"{len(missing)} migrations are not applied.")
    return {}


def _events() -> dict[str, object]:
    try:
        seconds = age_of_oldest_undelivered().total_seconds()
    except Error as error:
        raise _NotReady("PostgreSQL cannot be reached.") from error
    if seconds > settings.EVENT_AGE_LIMIT.total_seconds():
        raise _NotReady(f"An event has been undelivered for {seconds:.0f} s.")
    return {"oldest_undelivered_seconds": round(seconds, 1)}


def _replica() -> dict[str, object]:
    """For information: what it cannot answer the primary does."""
    if not settings.DATABASE_REPLICA_URL:
        return {"used": False}
    behind = replica.behind_seconds()
    return {
        "used": replica.is_near(),
        "behind_seconds": None if behind is None else round(behind, 1),
    }


_CHECKS: tuple[Callable[[], dict[str, object]], ...] = (
    *(_database, _redis, _migrations, _events),
    _replica,
)


def _result(check: Callable[[], dict[str, object]]) -> dict[str, object]:
    try:
        return {"status": "ok", **check()}
    except _NotReady as reason:
        return {"status": "failed", "reason": str(reason)}
