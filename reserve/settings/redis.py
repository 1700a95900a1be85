"""Redis: caches, guards, limits and live changes."""

import socket
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from reserve import env
from reserve.core.redis_address import parse_redis_address

REDIS_URL = env.text("REDIS_URL", "redis://localhost:6379")
try:
    redis_address = parse_redis_address(REDIS_URL)
except ValueError:
    raise ImproperlyConfigured(
        "REDIS_URL cannot be read. Write it as redis://HOST:PORT/NUMBER or unix:///PATH, "
        "or as sentinel://HOST:PORT,HOST:PORT/SERVICE/NUMBER."
    ) from None

# Nothing that a customer waits for may hang on Redis (seconds).
_ONCE = Retry(NoBackoff(), 0)
_REDIS_TIMEOUTS = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": _ONCE}
# A booking that waits for a guard waits less: the guard is a courtesy. Without
# `retry` the client would try three times more, with pauses between.
_GUARD_TIMEOUTS = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": _ONCE}
CACHES = {
    "default": redis_address.cache(_REDIS_TIMEOUTS) | {"KEY_PREFIX": "reserve"},
    # A connection begins without a conversation, each turn of which may be slow.
    "guards": redis_address.cache({**_GUARD_TIMEOUTS, "protocol": 2, "driver_info": None}),
    "limits": redis_address.cache(_GUARD_TIMEOUTS) | {"KEY_PREFIX": "reserve.limit"},
}
CHANNEL_PREFIX = "reserve"
# A connection that only listens finds out by probes that nobody is there any more:
# after about ten seconds.
_LIVE_REDIS: dict[str, Any] = redis_address.channel_layer_host()
if not redis_address.is_unix_socket:
    _LIVE_REDIS |= {
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in (("TCP_KEEPIDLE", 4), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))
            if hasattr(socket, name)
        },
    }
CHANNEL_LAYERS = {
    "default": {
        # Over pub/sub, which survives a restart of Redis, as the core layer does
        # not; it tells of interruptions, so that what was lost is made good.
        "BACKEND": "reserve.core.channel_layer.ChannelLayer",
        "CONFIG": {"hosts": [_LIVE_REDIS], "prefix": CHANNEL_PREFIX},
    }
}
